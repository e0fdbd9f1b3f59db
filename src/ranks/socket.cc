#include "ranks/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "base/check.h"

namespace whorl::ranks {

namespace {

constexpr double kGoodbyeSeconds = 2, kPortSeconds = 2;
constexpr int kWaiting = 128;

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolve(const std::string& address, int port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) found = nullptr;
  return {found, &freeaddrinfo};
}

void set(int descriptor, int level, int option, int value) {
  setsockopt(descriptor, level, option, &value, sizeof value);
}

// A machine that loses its power says nothing: the kernel asks after it.
void prepare(int descriptor) {
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 6);
}

Socket open_socket(int family) {
  return Socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void wait_for(int descriptor, short events, Deadline deadline) {
  pollfd one{descriptor, events, 0};
  const int left = milliseconds_until(deadline);
  const int ready = poll(&one, 1, left);
  if (ready == 0 && left == 0) throw Timeout("no answer in time");
}

[[noreturn]] void gone() {
  throw std::runtime_error(std::string("the connection ended: ") + std::strerror(errno));
}

// errno of the attempt, 0 when it listens.
int listen_on(const addrinfo& where, bool everywhere, Socket& out) {
  Socket made = open_socket(where.ai_family);
  if (!made) return errno;
  set(made.descriptor(), SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr_storage at{};
  std::memcpy(&at, where.ai_addr, where.ai_addrlen);
  if (everywhere && where.ai_family == AF_INET)
    reinterpret_cast<sockaddr_in&>(at).sin_addr.s_addr = htonl(INADDR_ANY);
  if (everywhere && where.ai_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(at).sin6_addr = in6addr_any;
  if (bind(made.descriptor(), reinterpret_cast<sockaddr*>(&at), where.ai_addrlen) != 0) return errno;
  if (::listen(made.descriptor(), kWaiting) != 0) return errno;
  out = std::move(made);
  return 0;
}

// The kernel may join a socket to itself when nobody listens at a port it hands out.
bool to_itself(int descriptor) {
  sockaddr_storage mine{}, theirs{};
  socklen_t a = sizeof mine, b = sizeof theirs;
  return getsockname(descriptor, reinterpret_cast<sockaddr*>(&mine), &a) == 0 &&
         getpeername(descriptor, reinterpret_cast<sockaddr*>(&theirs), &b) == 0 && a == b &&
         std::memcmp(&mine, &theirs, a) == 0;
}

bool connected(int descriptor, const addrinfo& where, Deadline deadline) {
  if (connect(descriptor, where.ai_addr, where.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return false;
    wait_for(descriptor, POLLOUT, deadline);
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return false;
  }
  return !to_itself(descriptor);
}

}  // namespace

int milliseconds_until(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
}

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void Socket::send(const void* data, size_t size, Deadline deadline, bool more) const {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::send(descriptor_, at, size, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    if (n >= 0) {
      at += n, size -= static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_for(descriptor_, POLLOUT, deadline);
    } else if (errno != EINTR) {
      gone();
    }
  }
}

namespace {
size_t receive_some(int descriptor, void* data, size_t size, int flags) {
  const ssize_t n = ::recv(descriptor, data, size, flags);
  if (n > 0) return static_cast<size_t>(n);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
  if (n == 0) errno = ECONNRESET;
  gone();
}
}  // namespace

size_t Socket::receive_some(void* data, size_t size) const {
  return ranks::receive_some(descriptor_, data, size, 0);
}
size_t Socket::peek(void* data, size_t size) const {
  return ranks::receive_some(descriptor_, data, size, MSG_PEEK);
}

void Socket::receive(void* data, size_t size, Deadline deadline) const {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const size_t n = receive_some(at, size);
    if (n == 0) wait_for(descriptor_, POLLIN, deadline);
    at += n, size -= n;
  }
}

void Socket::say_goodbye() const noexcept {
  if (descriptor_ < 0) return;
  ::shutdown(descriptor_, SHUT_WR);
  const Deadline deadline = after(kGoodbyeSeconds);
  std::array<char, 65536> unread;
  try {
    while (true)
      if (receive_some(unread.data(), unread.size()) == 0) wait_for(descriptor_, POLLIN, deadline);
  } catch (const std::exception&) {  // closed, or time is up: both will do
  }
}

Socket listen_at(const std::string& address, int port, const std::string& context) {
  const Deadline deadline = after(kPortSeconds);
  int error = 0;
  do {
    const Addresses found = resolve(address, port);
    if (!found) base::failed(context, " no machine is called '", address, "' (MASTER_ADDR)");
    bool taken = false;
    for (const bool everywhere : {false, true})
      for (const addrinfo* at = found.get(); at && !taken; at = at->ai_next) {
        Socket made;
        error = listen_on(*at, everywhere, made);
        if (error == 0) return made;
        taken = error == EADDRINUSE;
      }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (error == EADDRINUSE && Clock::now() < deadline);
  base::failed(context, " rank 0 cannot listen at ", address, ":", port, ": ", std::strerror(error),
               error == EADDRINUSE ? "; choose another MASTER_PORT (or WHORL_RANKS_PORT)" : "");
}

Socket accept_one(const Socket& listener) {
  Socket made(accept4(listener.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (made) prepare(made.descriptor());
  return made;
}

Socket try_connect(const std::string& address, int port, Deadline deadline) {
  const Addresses found = resolve(address, port);
  for (const addrinfo* at = found.get(); at; at = at->ai_next) {
    Socket made = open_socket(at->ai_family);
    try {
      if (!made || !connected(made.descriptor(), *at, deadline)) continue;
    } catch (const Timeout&) {
      continue;
    }
    prepare(made.descriptor());
    return made;
  }
  return {};
}

}  // namespace whorl::ranks
