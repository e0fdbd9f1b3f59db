#pragma once
// Rank 0 of the ranks that compute one model: it tells the others what to do, one thing at a time, and does
// its own part meanwhile.
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/rank_messages.h"
#include "ranks/communicator.h"

namespace whorl::model {

// Every rank says how its part went: null, or what the first that failed threw. An error here is no error of
// the ranks: they go on.
std::exception_ptr everyone(ranks::Communicator& all, const std::function<void()>& mine);

// Any thread.
class Leader : public std::enable_shared_from_this<Leader> {
 public:
  explicit Leader(std::shared_ptr<ranks::Communicator> all) : all_(std::move(all)) {}

  // Sends the message, then does `work`, which makes the collective calls that the others make for it. What
  // it throws ends all ranks, and is what every later call says.
  using Work = std::function<void(ranks::Communicator&)>;
  void together(RankMessage message, const Work& work);

  // Names what the others are to hold; when the last of these goes they are told with the next message.
  std::shared_ptr<const uint64_t> new_number();

  // The others follow while somebody holds it. Meanwhile they hear from here once a second, so that a rank
  // that is lost is known before the next request, and a wait for one has an end.
  std::shared_ptr<const void> session();

 private:
  class Session;

  void run(RankMessage message, const Work& work);  // the lock is held
  void say_idle();
  void end() noexcept;
  std::vector<uint64_t> take_gone();

  std::shared_ptr<ranks::Communicator> all_;
  std::mutex mutex_;  // of the calls: whoever holds it speaks with the others
  std::string failure_;
  std::chrono::steady_clock::time_point spoken_;

  std::mutex books_;
  uint64_t last_number_ = 0;
  std::vector<uint64_t> gone_;
  std::weak_ptr<Session> session_;
};

}  // namespace whorl::model
