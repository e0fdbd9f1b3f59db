#include "serve/job.h"

#include <chrono>

#include "base/check.h"

namespace whorl::serve {

void Job::part_done(std::exception_ptr error) {
  std::lock_guard lock(mutex_);
  if (error) {
    if (!error_) error_ = error;
    cancel();
  }
  if (--left_ == 0) over_.notify_all();
}

bool Job::done() const {
  std::lock_guard lock(mutex_);
  return left_ == 0;
}

void Job::refuse_engine() const {
  if (left_ > 0 && std::this_thread::get_id() == engine_)
    base::failed(
        "[Generation.wait] called inside a stream callback: the engine's thread would wait for itself");
}

bool Job::wait_for(double seconds) const {
  std::unique_lock lock(mutex_);
  refuse_engine();
  return over_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return left_ == 0; });
}

void Job::wait() const {
  std::unique_lock lock(mutex_);
  refuse_engine();
  over_.wait(lock, [&] { return left_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

}  // namespace whorl::serve
