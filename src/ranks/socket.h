#pragma once
// TCP without a wait that has no end.
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace whorl::ranks {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

inline Deadline after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}
int milliseconds_until(Deadline deadline);  // rounded up; 0 when it has passed

class Timeout : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Owns a descriptor that never blocks.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  int descriptor() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

  // All of it, or Timeout, or std::runtime_error when the other end is gone.
  void send(const void* data, size_t size, Deadline deadline, bool more = false) const;
  void receive(void* data, size_t size, Deadline deadline) const;
  // What is there, at most `size`; 0 = nothing yet. std::runtime_error at the end.
  size_t receive_some(void* data, size_t size) const;
  // The same, and it stays to be received.
  size_t peek(void* data, size_t size) const;
  // Nothing more will be sent; what comes is thrown away until the other end closes, for a moment at most. A
  // closed socket with unread bytes would take the last words from the other end.
  void say_goodbye() const noexcept;

 private:
  int descriptor_ = -1;
};

// Listens on `address`, or on every address of this machine where `address` is not one of them (a service in
// front of it). Retries for two seconds while the port is taken.
Socket listen_at(const std::string& address, int port, const std::string& context);
// The next connection, or an empty socket when there is none.
Socket accept_one(const Socket& listener);
// One attempt; an empty socket when nobody answers.
Socket try_connect(const std::string& address, int port, Deadline deadline);

}  // namespace whorl::ranks
