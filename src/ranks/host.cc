#include <poll.h>

#include <algorithm>
#include <cstring>
#include <list>

#include "base/check.h"
#include "base/log.h"
#include "ranks/frame.h"
#include "ranks/handshake.h"
#include "ranks/rendezvous.h"

namespace whorl::ranks {

namespace {

constexpr double kStrangerSeconds = 10, kWordSeconds = 2;
constexpr size_t kStrangers = 64;

// A connection that has not said yet who it is.
struct Stranger {
  Socket socket;
  Nonce nonce = new_nonce();
  Hello hello;
  size_t got = 0;
  Deadline until = after(kStrangerSeconds);

  char* bytes() { return reinterpret_cast<char*>(&hello); }
  bool whole() const { return got == sizeof hello; }
  // False at the first byte that no rank would send, and at the end of the connection.
  bool listen() {
    try {
      got += socket.receive_some(bytes() + got, sizeof hello - got);
    } catch (const std::exception&) {
      return false;
    }
    return std::memcmp(bytes(), kHandshakeMagic.data(), std::min(got, kHandshakeMagic.size())) == 0;
  }
};

class Host {
 public:
  Host(const Place& place, const std::string& context)
      : place_(place),
        context_(context),
        listener_(listen_at(place.address, place.port, context)),
        ranks_(static_cast<size_t>(place.size)) {}

  std::vector<Socket> run() {
    const Deadline deadline = after(place_.timeout_seconds);
    while (!missing().empty()) {
      if (milliseconds_until(deadline) == 0)
        give_up(base::concat(missing(), " did not connect to ", place_.address, ":", place_.port, " within ",
                             place_.timeout_seconds, " s"));
      wait(deadline);
      for (Socket came = accept_one(listener_); came; came = accept_one(listener_)) greet(std::move(came));
      hear();
    }
    return std::move(ranks_);
  }

 private:
  std::string missing() const {
    std::string list;
    for (size_t r = 1; r < ranks_.size(); ++r)
      if (!ranks_[r]) list += (list.empty() ? "rank " : ", ") + std::to_string(r);
    return list.empty() ? list : base::concat(list, " of ", place_.size);
  }

  void wait(Deadline deadline) {
    std::vector<pollfd> all = {{listener_.descriptor(), POLLIN, 0}};
    for (const Stranger& s : strangers_) all.push_back({s.socket.descriptor(), POLLIN, 0});
    poll(all.data(), all.size(), std::min(milliseconds_until(deadline), 500));
  }

  void greet(Socket came) {
    if (strangers_.size() == kStrangers) strangers_.pop_front();
    Stranger& s = strangers_.emplace_back();
    s.socket = std::move(came);
    Greeting greeting;
    greeting.nonce = s.nonce;
    try {
      s.socket.send(&greeting, sizeof greeting, after(kWordSeconds));
    } catch (const std::exception&) {
      strangers_.pop_back();
    }
  }

  void hear() {
    for (auto s = strangers_.begin(); s != strangers_.end();) {
      const bool good = s->listen();
      if (good && !s->whole() && milliseconds_until(s->until) > 0) {
        ++s;
        continue;
      }
      if (good && s->whole())
        judge(*s);
      else
        base::log(base::LogLevel::warn, context_, " a connection that said nothing of a rank was closed");
      s = strangers_.erase(s);
    }
  }

  // The proof comes first: only who belongs to the run can end it.
  void judge(Stranger& s) {
    const Hello& hello = s.hello;
    const std::string_view proof(hello.proof.data(), hello.proof.size());
    if (hello.version != kHandshakeVersion ||
        !same_bytes(proof, proof_of(place_.token, "rank", s.nonce, hello))) {
      base::log(base::LogLevel::warn, context_, " a connection without this run's token was closed");
      word(s.socket, Topic::error, "rank 0 refused: WHORL_RANKS_TOKEN is not that of its run");
      return;
    }
    std::string fault;
    if (hello.size != static_cast<uint32_t>(place_.size))
      fault =
          base::concat("rank ", hello.rank, " says world size ", hello.size, ", rank 0 says ", place_.size);
    else if (hello.rank == 0 || hello.rank >= ranks_.size())
      fault = base::concat("a second process says that it is rank ", hello.rank, " of ", place_.size);
    else if (ranks_[hello.rank])
      fault = base::concat("two processes say that they are rank ", hello.rank, " of ", place_.size);
    if (!fault.empty()) {
      word(s.socket, Topic::error, fault);
      s.socket.say_goodbye();
      give_up(fault);
    }
    word(s.socket, Topic::welcome, proof_of(place_.token, "host", s.nonce, hello));
    ranks_[hello.rank] = std::move(s.socket);
  }

  void word(const Socket& to, Topic topic, const std::string& text) {
    try {
      send_frame(to, topic, 0, text, after(kWordSeconds));
    } catch (const std::exception&) {  // it hung up; whoever misses it says so
    }
  }

  [[noreturn]] void give_up(const std::string& fault) {
    for (const Socket& rank : ranks_)
      if (rank) word(rank, Topic::error, fault);
    for (const Socket& rank : ranks_) rank.say_goodbye();
    base::failed(context_, " ", fault);
  }

  const Place& place_;
  const std::string& context_;
  Socket listener_;
  std::list<Stranger> strangers_;
  std::vector<Socket> ranks_;
};

}  // namespace

std::vector<Socket> host(const Place& place, const std::string& context) {
  return Host(place, context).run();
}

}  // namespace whorl::ranks
