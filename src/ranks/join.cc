#include <algorithm>
#include <cstring>
#include <thread>

#include "base/check.h"
#include "ranks/frame.h"
#include "ranks/handshake.h"
#include "ranks/rendezvous.h"
#include "ranks/socket_communicator.h"

namespace whorl::ranks {

namespace {

std::string where(const Place& place) { return base::concat(place.address, ":", place.port); }

// False: the connection ended before a word was said, so that calling again makes sense.
bool introduce(const Socket& to, const Place& place, Deadline deadline, const std::string& context) {
  Greeting greeting;
  try {
    to.receive(&greeting, sizeof greeting, deadline);
  } catch (const Timeout&) {
    throw;
  } catch (const std::runtime_error&) {
    return false;
  }
  if (greeting.magic != kHandshakeMagic || greeting.version != kHandshakeVersion)
    base::failed(context, " what listens at ", where(place), " is not rank 0 of a run of this Whorl");
  Hello hello;
  hello.rank = static_cast<uint32_t>(place.rank), hello.size = static_cast<uint32_t>(place.size);
  hello.nonce = new_nonce();
  const std::string proof = proof_of(place.token, "rank", greeting.nonce, hello);
  std::memcpy(hello.proof.data(), proof.data(), hello.proof.size());
  to.send(&hello, sizeof hello, deadline);
  std::string welcome;
  try {
    welcome = receive_body(to, receive_header(to, deadline), deadline);
  } catch (const PeerError& refusal) {
    base::failed(context, " ", refusal.what());
  }
  if (!same_bytes(welcome, proof_of(place.token, "host", greeting.nonce, hello)))
    base::failed(context, " what listens at ", where(place), " does not hold this run's WHORL_RANKS_TOKEN");
  return true;
}

[[noreturn]] void nobody(const Place& place, const std::string& context) {
  base::failed(context, " rank 0 of ", place.size, " did not answer at ", where(place), " within ",
               place.timeout_seconds, " s");
}

}  // namespace

Socket call(const Place& place, const std::string& context) {
  const Deadline deadline = after(place.timeout_seconds);
  for (auto pause = std::chrono::milliseconds(20); Clock::now() < deadline;
       pause = std::min(2 * pause, std::chrono::milliseconds(1000))) {
    try {
      Socket to = try_connect(place.address, place.port, deadline);
      if (to && introduce(to, place, deadline, context)) return to;
    } catch (const Timeout&) {
      nobody(place, context);
    }
    std::this_thread::sleep_for(pause);
  }
  nobody(place, context);
}

std::unique_ptr<Communicator> join(const Place& place, const std::string& context) {
  base::check_argument(place.size >= 1 && place.rank >= 0 && place.rank < place.size, context,
                       " expected a rank from 0 to ", place.size - 1, ", got ", place.rank);
  if (place.size == 1) return nullptr;
  std::vector<Socket> sockets;
  if (place.rank == 0)
    sockets = host(place, context);
  else
    sockets.push_back(call(place, context));
  return std::make_unique<SocketCommunicator>(place, std::move(sockets), context);
}

}  // namespace whorl::ranks
