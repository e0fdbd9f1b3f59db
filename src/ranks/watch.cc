// Waiting for work that is done elsewhere: a device's library notices late or never that a rank is lost, its
// connection at once.
#include <poll.h>

#include <algorithm>
#include <thread>

#include "base/check.h"
#include "ranks/socket_communicator.h"

namespace whorl::ranks {

namespace {
constexpr auto kShortestPause = std::chrono::microseconds(20),
               kLongestPause = std::chrono::microseconds(1000);
constexpr double kWordSeconds = 2;  // that a lost rank has to explain an error
}  // namespace

// Another rank may be done sooner and send what belongs to its next call: that stays unread.
void SocketCommunicator::look(size_t link, std::string_view what) {
  pollfd one{sockets_[link].descriptor(), POLLIN | POLLRDHUP, 0};
  if (poll(&one, 1, 0) <= 0 || one.revents == 0) return;
  if ((one.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
    lost(link, base::concat(name_of_link(link), " closed the connection (it ended, or was killed)"));
  FrameHeader header;
  if (!peek_header(sockets_[link], header)) return;
  if (header.topic == Topic::error) receive_header(sockets_[link], after(patience()));  // throws its words
  if (header.sequence <= sequence_)
    end(base::concat(name_of_link(link), " is at call ", header.sequence, " (", name_of(header.topic),
                     "), rank ", place_.rank, " at call ", sequence_, " (", what, ")"));
}

void SocketCommunicator::look_at_all(std::string_view what) {
  for (size_t link = 0; link < links(); ++link)
    if (sockets_[link]) guarded(link, [&] { look(link, what); });
}

void SocketCommunicator::watch(std::string_view what, const std::function<bool()>& done) {
  if (failed_) base::failed(context_, " the ranks have parted after an error");
  ++sequence_;
  const Deadline until = after(patience());
  for (auto pause = kShortestPause;; pause = std::min(2 * pause, kLongestPause)) {
    try {
      if (done()) return;
    } catch (const std::exception&) {
      for (const Deadline soon = after(kWordSeconds); Clock::now() < soon;
           std::this_thread::sleep_for(10 * kLongestPause))
        look_at_all(what);
      throw;
    }
    look_at_all(what);
    if (Clock::now() > until)
      end(base::concat("rank ", place_.rank, " of ", place_.size, " waited ", patience(), " s for ", what,
                       ", which did not end"));
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace whorl::ranks
