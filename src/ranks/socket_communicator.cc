#include "ranks/socket_communicator.h"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace whorl::ranks {

namespace {

constexpr int64_t kChunk = int64_t{1} << 20;  // numbers
constexpr double kWordSeconds = 2;

void add(float* sum, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sum[i] += x[i];
}

std::string_view bytes_of(const void* data, size_t size) { return {static_cast<const char*>(data), size}; }

}  // namespace

SocketCommunicator::SocketCommunicator(const Place& place, std::vector<Socket> sockets, std::string context)
    : place_(place), sockets_(std::move(sockets)), context_(std::move(context)) {}

std::string SocketCommunicator::name_of_link(size_t link) const {
  return base::concat("rank ", rank_of(link), " of ", place_.size);
}

// Rank 0 may itself be waiting for a third; its word on that should come first.
double SocketCommunicator::patience() const {
  return hosts() ? place_.timeout_seconds : 2 * place_.timeout_seconds + 5;
}

void SocketCommunicator::tell(std::string_view sentence) noexcept {
  if (failed_) return;
  failed_ = true;
  for (const Socket& socket : sockets_) {
    if (!socket) continue;
    try {
      send_frame(socket, Topic::error, sequence_, sentence, after(kWordSeconds));
    } catch (const std::exception&) {  // it is gone already
    }
  }
  for (const Socket& socket : sockets_) socket.say_goodbye();
}

void SocketCommunicator::end(const std::string& sentence) {
  tell(sentence);
  base::failed(context_, " ", sentence);
}

void SocketCommunicator::fail(std::string_view why) noexcept {
  try {
    tell(base::concat("rank ", place_.rank, " of ", place_.size, " failed: ", why));
  } catch (const std::exception&) {  // no memory for a sentence
    tell("a rank failed");
  }
}

// Its last words, if it left any, say more than that it is gone.
void SocketCommunicator::lost(size_t link, const std::string& what) {
  try {
    const Deadline soon = after(kWordSeconds);
    for (int frames = 0; frames < 4; ++frames)
      receive_body(sockets_[link], receive_header(sockets_[link], soon), soon);
  } catch (const PeerError& words) {
    end(words.what());
  } catch (const std::exception&) {
  }
  end(what);
}

void SocketCommunicator::guarded(size_t link, const std::function<void()>& work) {
  if (failed_) base::failed(context_, " the ranks have parted after an error");
  try {
    work();
  } catch (const PeerError& words) {
    end(words.what());
  } catch (const Timeout&) {
    end(base::concat(name_of_link(link), " did not answer within ", patience(), " s"));
  } catch (const std::runtime_error& e) {
    if (failed_) throw;  // said already
    lost(link,
         base::concat(name_of_link(link), " closed the connection (it ended, or was killed): ", e.what()));
  }
}

void SocketCommunicator::wait(size_t link) {
  std::vector<pollfd> all;
  for (size_t i = 0; i < links(); ++i)
    all.push_back({sockets_[i].descriptor(), static_cast<short>(i == link ? POLLIN : POLLRDHUP), 0});
  const Deadline until = after(patience());
  while (true) {
    const int left = milliseconds_until(until);
    if (poll(all.data(), all.size(), left) == 0 && left == 0) throw Timeout("no answer in time");
    if (all[link].revents != 0) return;
    for (size_t i = 0; i < links(); ++i)
      if (i != link && (all[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
        lost(i, base::concat(name_of_link(i), " closed the connection (it ended, or was killed)"));
  }
}

FrameHeader SocketCommunicator::header_from(size_t link, Topic topic) {
  wait(link);
  const FrameHeader header = receive_header(sockets_[link], after(patience()));
  if (header.topic != topic || header.sequence != sequence_)
    end(base::concat(name_of_link(link), " is at call ", header.sequence, " (", name_of(header.topic),
                     "), rank ", place_.rank, " at call ", sequence_, " (", name_of(topic), ")"));
  return header;
}

void SocketCommunicator::send(size_t link, Topic topic, std::string_view bytes) {
  guarded(link, [&] { send_frame(sockets_[link], topic, sequence_, bytes, after(patience())); });
}

void SocketCommunicator::send_to_all(Topic topic, std::string_view bytes) {
  for (size_t link = 1; link < links(); ++link) send(link, topic, bytes);
}

std::string SocketCommunicator::receive(size_t link, Topic topic) {
  std::string bytes;
  guarded(link, [&] { bytes = receive_body(sockets_[link], header_from(link, topic), after(patience())); });
  return bytes;
}

void SocketCommunicator::receive_into(size_t link, Topic topic, void* data, size_t size) {
  guarded(link, [&] {
    const FrameHeader header = header_from(link, topic);
    if (header.length != size)
      end(base::concat(name_of_link(link), " has ", header.length, " bytes for ", name_of(topic), ", rank ",
                       place_.rank, " ", size));
    sockets_[link].receive(data, size, after(patience()));
  });
}

void SocketCommunicator::all_reduce_sum(const Tensor& x) {
  base::check_argument(x.dtype() == DType::float32 && x.contiguous(), context_,
                       " all_reduce_sum: expected contiguous float32, got ", whorl::name_of(x.dtype()));
  chunk_.resize(hosts() ? static_cast<size_t>(std::min(kChunk, x.numel())) : 0);
  for (int64_t begin = 0; begin < x.numel(); begin += kChunk) {
    const int64_t n = std::min(kChunk, x.numel() - begin);
    const size_t size = static_cast<size_t>(n) * sizeof(float);
    float* mine = x.data<float>() + begin;
    ++sequence_;
    if (hosts()) {
      for (size_t link = 1; link < links(); ++link) {
        receive_into(link, Topic::reduce, chunk_.data(), size);
        add(mine, chunk_.data(), n);
      }
      send_to_all(Topic::reduce, bytes_of(mine, size));
    } else {
      send(0, Topic::reduce, bytes_of(mine, size));
      receive_into(0, Topic::reduce, mine, size);
    }
  }
}

// On its way back: each length, then the bytes.
std::vector<std::string> SocketCommunicator::all_gather(std::string_view mine) {
  ++sequence_;
  std::vector<std::string> all(static_cast<size_t>(place_.size));
  if (hosts()) {
    all[0] = mine;
    for (size_t link = 1; link < links(); ++link) all[link] = receive(link, Topic::gather);
    std::string packed;
    for (const std::string& one : all) {
      const uint64_t length = one.size();
      packed.append(bytes_of(&length, sizeof length)).append(one);
    }
    send_to_all(Topic::gather, packed);
    return all;
  }
  send(0, Topic::gather, mine);
  const std::string packed = receive(0, Topic::gather);
  size_t at = 0;
  for (std::string& one : all) {
    uint64_t length = 0;
    if (packed.size() - at < sizeof length) end("rank 0 sent too little for all_gather");
    std::memcpy(&length, packed.data() + at, sizeof length);
    at += sizeof length;
    if (packed.size() - at < length) end("rank 0 sent too little for all_gather");
    one = packed.substr(at, length);
    at += length;
  }
  return all;
}

void SocketCommunicator::broadcast(void* data, size_t size) {
  constexpr size_t kBytes = kChunk * sizeof(float);
  for (size_t begin = 0; begin < size; begin += kBytes) {
    const size_t n = std::min(kBytes, size - begin);
    char* at = static_cast<char*>(data) + begin;
    ++sequence_;
    if (hosts())
      send_to_all(Topic::broadcast, bytes_of(at, n));
    else
      receive_into(0, Topic::broadcast, at, n);
  }
}

}  // namespace whorl::ranks
