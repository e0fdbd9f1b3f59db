#pragma once
// Fork-join over a fixed set of workers. Work is cut by index alone, never by who is free, so what a
// task computes cannot depend on the number of threads unless the caller's own cut does.
#include <cstdint>
#include <functional>
#include <memory>

namespace whorl::base {

class ThreadPool {
 public:
  // `threads` <= 0: what affinity and cgroup limits leave this process, at least one.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;
  // Threads that a run() from here would be shared out among: one inside a body.
  int width() const;

  // Calls body(i) for every i in [0, tasks), and returns when all are done. The caller takes part.
  // Safe from several threads at once (they take turns); a call from inside a body runs inline.
  // The first exception thrown by a body is rethrown here, after all tasks have ended.
  void run(int64_t tasks, const std::function<void(int64_t)>& body);

  // The same for tasks that take long: between two of them those who wait in run() get their turn. They begin
  // in ascending order. Where one throws, some of those that have not begun are left out.
  void run_in_turns(int64_t tasks, const std::function<void(int64_t)>& body);

  // Calls body(begin, end) for stretches that make up [0, n), which may be in any order, and returns when all
  // are done. Each thread has a part of its own and walks it from front to back, half of what is left at a
  // time and `least` or more, so that it reads memory on and on; who is done takes half of what another has
  // left, from its end. Exceptions as in run(): some stretches may then be left out. n below 2^32.
  void run_stretches(int64_t n, int64_t least, const std::function<void(int64_t, int64_t)>& body);

  // The pool that all models of a process share unless they ask for their own number of threads.
  static std::shared_ptr<ThreadPool> shared();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// CPUs this process may use: the least of hardware, affinity mask and cgroup quota (rounded up).
int available_cpus();

}  // namespace whorl::base
