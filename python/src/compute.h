#pragma once
// The two rules of every call that takes time: Python's lock is released, and no thread pool is used across a
// fork.
#include <pybind11/pybind11.h>

#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "convert.h"

namespace whorl::python {

// Throws std::runtime_error in a process that was forked after Whorl had computed in its parent: the worker
// threads did not come along, and waiting for them would never end.
void refuse_after_fork();

// Releases the lock while it lives.
class Compute {
 public:
  Compute() { refuse_after_fork(); }

 private:
  py::gil_scoped_release released_;
};

template <class F>
auto compute(F&& work) {
  Compute guard;
  return std::forward<F>(work)();
}

// Ends the hold without the lock: what dies may wait for a thread that is about to call Python.
template <class T>
std::shared_ptr<T> dropped_unlocked(std::unique_ptr<T> object) {
  return {object.release(), [](T* last) {
            if (!PyGILState_Check()) {
              delete last;
              return;
            }
            py::gil_scoped_release released;
            delete last;
          }};
}

// Something with a thread that calls Python: empty after close(), and closed before the interpreter ends.
template <class T>
using Slot = std::shared_ptr<std::shared_ptr<T>>;
void close_at_exit(std::weak_ptr<void> slot, std::function<void()> close);
void close_all();

template <class T>
Slot<T> make_slot(std::unique_ptr<T> object) {
  auto slot = std::make_shared<std::shared_ptr<T>>(dropped_unlocked(std::move(object)));
  close_at_exit(slot, [weak = std::weak_ptr(slot)] {
    if (const auto held = weak.lock()) held->reset();
  });
  return slot;
}

// A Python object that any thread may drop.
std::shared_ptr<py::object> shared_object(py::object object);

// Remembers the first Python exception of a callback; the caller's thread throws it when the library has
// returned.
class Pending {
 public:
  // Runs `call` with the lock held. False: an exception (now or before), or an interrupt from the keyboard.
  template <class F>
  bool run(F&& call) {
    py::gil_scoped_acquire held;
    if (error_) return false;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return call();
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }
  void rethrow() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  std::exception_ptr error_;
};

}  // namespace whorl::python
