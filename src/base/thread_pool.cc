#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/stretches.h"

namespace whorl::base {

namespace {
thread_local bool inside_body = false;

// cgroup v2 `cpu.max` is "<quota|max> <period>"; v1 has the two numbers in two files.
double cgroup_cpus() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period && quota != "max" && period > 0) return std::stod(quota) / period;
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double q = -1;
  if (v1_quota >> q && v1_period >> period && q > 0 && period > 0) return q / period;
  return 1e9;
}
}  // namespace

int available_cpus() {
  int cpus = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) cpus = CPU_COUNT(&mask);
  const double limit = cgroup_cpus();
  if (limit < cpus) cpus = static_cast<int>(limit + 0.999);
  return cpus < 1 ? 1 : cpus;
}

// The tasks of a run and the next one to take, in one word: who takes a task knows by the same instruction
// whose it is. A worker that wakes late, because other processes hold its CPU, finds nothing left and is
// waited for by nobody; a task once taken keeps its run, and so the body, alive.
namespace {
constexpr int kIndexBits = 32;
constexpr int64_t kMostTasks = int64_t{1} << 31;
constexpr int64_t tasks_of(uint64_t ticket) { return static_cast<int64_t>(ticket >> kIndexBits); }
constexpr int64_t index_of(uint64_t ticket) { return static_cast<int64_t>(ticket & 0xffffffffu); }
constexpr int kSpins = 4000;
}  // namespace

struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex turn;                             // one run() at a time
  std::atomic<int64_t> waiting{0}, served{0};  // for it; who waited and got it
  std::mutex mutex;
  std::condition_variable wake, done;
  std::atomic<bool> stop{false};
  int sleeping = 0;

  std::atomic<uint64_t> ticket{0};
  std::atomic<int64_t> finished{0};
  const std::function<void(int64_t)>* body = nullptr;
  std::exception_ptr error;

  std::unique_lock<std::mutex> take_turn() {
    std::unique_lock mine(turn, std::try_to_lock);
    if (mine.owns_lock()) return mine;
    waiting.fetch_add(1, std::memory_order_acq_rel);
    mine.lock();
    served.fetch_add(1, std::memory_order_acq_rel);
    waiting.fetch_sub(1, std::memory_order_acq_rel);
    return mine;
  }

  bool has_work() const {
    const uint64_t now = ticket.load(std::memory_order_relaxed);
    return index_of(now) < tasks_of(now);
  }

  void work() {
    inside_body = true;
    for (;;) {
      const uint64_t mine = ticket.fetch_add(1, std::memory_order_acq_rel);
      if (index_of(mine) >= tasks_of(mine)) break;
      try {
        (*body)(index_of(mine));
      } catch (...) {
        std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
      }
      if (finished.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks_of(mine)) {
        std::lock_guard lock(mutex);
        done.notify_one();
      }
    }
    inside_body = false;
  }

  // Spin for a few microseconds, then sleep: a fork-join inside a layer must not pay for a futex,
  // an idle engine must not burn a core.
  void loop() {
    while (!stop.load(std::memory_order_acquire)) {
      for (int spin = 0; spin < kSpins && !has_work() && !stop.load(std::memory_order_relaxed); ++spin)
        __builtin_ia32_pause();
      if (!has_work()) {
        std::unique_lock lock(mutex);
        ++sleeping;
        wake.wait(lock, [&] { return has_work() || stop.load(std::memory_order_relaxed); });
        --sleeping;
      }
      if (has_work()) work();
    }
  }

  void wake_sleepers() {
    std::lock_guard lock(mutex);
    if (sleeping > 0) wake.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  const int n = threads > 0 ? threads : available_cpus();
  for (int i = 1; i < n; ++i) state_->workers.emplace_back([s = state_.get()] { s->loop(); });
}

ThreadPool::~ThreadPool() {
  state_->stop = true;
  state_->wake_sleepers();
  for (auto& worker : state_->workers) worker.join();
}

int ThreadPool::size() const { return static_cast<int>(state_->workers.size()) + 1; }
int ThreadPool::width() const { return inside_body ? 1 : size(); }

void ThreadPool::run(int64_t tasks, const std::function<void(int64_t)>& body) {
  if (tasks <= 0) return;
  State& s = *state_;
  if (tasks == 1 || s.workers.empty() || inside_body) {
    for (int64_t i = 0; i < tasks; ++i) body(i);
    return;
  }
  check_argument(tasks < kMostTasks, "[ThreadPool] expected fewer than ", kMostTasks, " tasks, got ", tasks);
  const auto turn = s.take_turn();
  s.body = &body;
  s.error = nullptr;
  s.finished.store(0, std::memory_order_relaxed);
  s.ticket.store(static_cast<uint64_t>(tasks) << kIndexBits, std::memory_order_release);
  s.wake_sleepers();
  s.work();
  const auto all = [&] { return s.finished.load(std::memory_order_acquire) == tasks; };
  for (int spin = 0; spin < kSpins && !all(); ++spin) __builtin_ia32_pause();
  if (!all()) {
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, all);
  }
  if (s.error) std::rethrow_exception(s.error);
}

void ThreadPool::run_in_turns(int64_t tasks, const std::function<void(int64_t)>& body) {
  State& s = *state_;
  if (tasks <= 1 || s.workers.empty() || inside_body) return run(tasks, body);
  std::atomic<int64_t> next{0};
  while (next.load(std::memory_order_relaxed) < tasks) {
    // A mutex would be taken again before who waits for it has woken. Only as many as wait now go first: else
    // several that come again and again would leave this one none.
    const int64_t last = s.served.load(std::memory_order_acquire) + s.waiting.load(std::memory_order_acquire);
    while (s.waiting.load(std::memory_order_acquire) > 0 && s.served.load(std::memory_order_acquire) < last)
      std::this_thread::yield();
    run(size(), [&](int64_t) {
      do {
        const int64_t i = next.fetch_add(1, std::memory_order_relaxed);
        if (i >= tasks) return;
        body(i);
      } while (s.waiting.load(std::memory_order_relaxed) == 0);
    });
  }
}

void ThreadPool::run_stretches(int64_t n, int64_t least, const std::function<void(int64_t, int64_t)>& body) {
  if (n <= 0) return;
  check_argument(n < int64_t{1} << 32, "[ThreadPool] expected fewer than 2^32 units, got ", n);
  least = std::max<int64_t>(least, 1);
  const int64_t threads = std::clamp<int64_t>(n / least, 1, width());
  if (threads == 1) return body(0, n);
  std::vector<Stretches> parts(static_cast<size_t>(threads));
  for (int64_t i = 0; i < threads; ++i)
    parts[static_cast<size_t>(i)].reset(n * i / threads, n * (i + 1) / threads);
  run(threads, [&](int64_t mine) {
    for (int64_t i = 0; i < threads; ++i) {
      Stretches& part = parts[static_cast<size_t>((mine + i) % threads)];
      for (;;) {
        const auto taken = i == 0 ? part.take_front(least) : part.take_back(least);
        if (taken.empty()) break;
        body(taken.begin, taken.end);
      }
    }
  });
}

std::shared_ptr<ThreadPool> ThreadPool::shared() {
  static std::mutex mutex;
  static std::weak_ptr<ThreadPool> weak;
  std::lock_guard lock(mutex);
  auto pool = weak.lock();
  if (!pool) weak = pool = std::make_shared<ThreadPool>();
  return pool;
}

}  // namespace whorl::base
