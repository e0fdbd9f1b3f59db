#include "compute.h"

#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace whorl::python {

void refuse_after_fork() {
  static std::atomic<pid_t> first{0};
  const pid_t here = getpid();
  pid_t seen = 0;
  if (first.compare_exchange_strong(seen, here) || seen == here) return;
  throw std::runtime_error(
      "[whorl] this process was forked after Whorl had started its threads; start workers with "
      "multiprocessing.get_context(\"spawn\"), or fork before the first call");
}

namespace {

// Guarded by the interpreter's lock, and never destroyed: it must outlive every module.
auto& closers() {
  static auto* all = new std::vector<std::pair<std::weak_ptr<void>, std::function<void()>>>;
  return *all;
}

}  // namespace

void close_at_exit(std::weak_ptr<void> slot, std::function<void()> close) {
  std::erase_if(closers(), [](const auto& closer) { return closer.first.expired(); });
  closers().emplace_back(std::move(slot), std::move(close));
}

void close_all() {
  for (const auto& [slot, close] : std::exchange(closers(), {})) close();
}

std::shared_ptr<py::object> shared_object(py::object object) {
  return {new py::object(std::move(object)), [](py::object* owned) {
            py::gil_scoped_acquire held;
            delete owned;
          }};
}

}  // namespace whorl::python
