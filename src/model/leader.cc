#include "model/leader.h"

#include <condition_variable>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/check.h"

namespace whorl::model {

namespace {
constexpr auto kSilence = std::chrono::seconds(1);
}

std::exception_ptr everyone(ranks::Communicator& all, const std::function<void()>& mine) {
  std::exception_ptr error;
  std::string why;
  try {
    mine();
  } catch (const std::exception& e) {
    error = std::current_exception();
    why = std::string("failed: ") + e.what();
  }
  const std::vector<std::string> words = all.all_gather(why);
  for (size_t rank = 0; rank < words.size() && !error; ++rank)
    if (!words[rank].empty())
      error = std::make_exception_ptr(
          std::runtime_error(base::concat("rank ", rank, " of ", words.size(), " ", words[rank])));
  return error;
}

class Leader::Session {
 public:
  explicit Session(std::shared_ptr<Leader> leader)
      : leader_(std::move(leader)), thread_([this] { speak_up(); }) {}
  ~Session() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    wake_.notify_all();
    thread_.join();
    leader_->end();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  void speak_up() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kSilence, [this] { return over_; })) leader_->say_idle();
  }

  std::shared_ptr<Leader> leader_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;  // last: it reads the others
};

std::shared_ptr<const void> Leader::session() {
  const std::lock_guard lock(books_);
  std::shared_ptr<Session> running = session_.lock();
  if (!running) session_ = running = std::make_shared<Session>(shared_from_this());
  return running;
}

void Leader::run(RankMessage message, const Work& work) {
  if (!failure_.empty()) throw std::runtime_error(failure_);
  try {
    message.gone = take_gone();
    send(*all_, message);
    work(*all_);
    spoken_ = std::chrono::steady_clock::now();
  } catch (const std::exception& e) {
    failure_ = e.what();
    all_->fail(failure_);
    throw;
  }
}

void Leader::together(RankMessage message, const Work& work) {
  const std::lock_guard lock(mutex_);
  run(std::move(message), work);
}

// Whoever holds the lock is speaking with them.
void Leader::say_idle() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || !failure_.empty() || std::chrono::steady_clock::now() - spoken_ < kSilence / 2) return;
  try {
    run({}, [](ranks::Communicator& all) { all.barrier(); });
  } catch (const std::exception&) {  // the next call says it
  }
}

void Leader::end() noexcept {
  try {
    RankMessage message;
    message.kind = RankMessage::Kind::end;
    together(std::move(message), [](ranks::Communicator& all) { all.barrier(); });
  } catch (const std::exception&) {  // they are gone already
  }
}

std::shared_ptr<const uint64_t> Leader::new_number() {
  const std::lock_guard lock(books_);
  const auto forget = [leader = shared_from_this()](const uint64_t* number) {
    const std::lock_guard held(leader->books_);
    leader->gone_.push_back(*number);
    delete number;
  };
  return {new uint64_t(++last_number_), forget};
}

std::vector<uint64_t> Leader::take_gone() {
  const std::lock_guard lock(books_);
  return std::exchange(gone_, {});
}

}  // namespace whorl::model
