#pragma once
// Where a caller waits for the parts of a request that the engine's thread works on.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

namespace whorl::serve {

class Job {
 public:
  // `engine`: the thread that must never wait here, because it does the work.
  Job(int64_t parts, std::thread::id engine) : left_(parts), engine_(engine) {}

  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  // One part is over. The first error is kept and ends the other parts as cancelled.
  void part_done(std::exception_ptr error = nullptr);
  bool done() const;
  void wait() const;                    // rethrows the error
  bool wait_for(double seconds) const;  // whether it is done then

 private:
  void refuse_engine() const;  // its thread would wait for itself; with the lock held

  mutable std::mutex mutex_;
  mutable std::condition_variable over_;
  std::atomic<bool> cancelled_{false};
  int64_t left_;
  std::exception_ptr error_;
  std::thread::id engine_;
};

}  // namespace whorl::serve
