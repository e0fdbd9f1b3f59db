#include "base/thread_pool.h"

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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

struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex turn;  // one run() at a time
  std::mutex mutex;
  std::condition_variable wake, done;
  std::atomic<uint64_t> generation{0};
  bool stop = false;
  int sleeping = 0;

  const std::function<void(int64_t)>* body = nullptr;
  int64_t tasks = 0;
  std::atomic<int64_t> next{0};
  std::atomic<int> busy{0};
  std::exception_ptr error;

  void work() {
    inside_body = true;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) {
      try {
        (*body)(i);
      } catch (...) {
        std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
      }
    }
    inside_body = false;
  }

  // Spin for a few microseconds, then sleep: a fork-join inside a layer must not pay for a futex,
  // an idle engine must not burn a core.
  void loop() {
    uint64_t seen = 0;
    for (;;) {
      for (int spin = 0; spin < 4000 && generation.load(std::memory_order_acquire) == seen; ++spin)
        __builtin_ia32_pause();
      if (generation.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex);
        ++sleeping;
        wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
        --sleeping;
      }
      seen = generation.load(std::memory_order_acquire);
      if (stop) return;
      work();
      if (busy.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard lock(mutex);
        done.notify_one();
      }
    }
  }

  void release() {
    std::lock_guard lock(mutex);
    generation.fetch_add(1, std::memory_order_acq_rel);
    if (sleeping > 0) wake.notify_all();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  const int n = threads > 0 ? threads : available_cpus();
  for (int i = 1; i < n; ++i) state_->workers.emplace_back([s = state_.get()] { s->loop(); });
}

ThreadPool::~ThreadPool() {
  state_->stop = true;
  state_->release();
  for (auto& worker : state_->workers) worker.join();
}

int ThreadPool::size() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(int64_t tasks, const std::function<void(int64_t)>& body) {
  if (tasks <= 0) return;
  State& s = *state_;
  if (tasks == 1 || s.workers.empty() || inside_body) {
    for (int64_t i = 0; i < tasks; ++i) body(i);
    return;
  }
  std::lock_guard turn(s.turn);
  s.body = &body;
  s.tasks = tasks;
  s.error = nullptr;
  s.next.store(0, std::memory_order_relaxed);
  s.busy.store(static_cast<int>(s.workers.size()), std::memory_order_relaxed);
  s.release();
  s.work();
  for (int spin = 0; spin < 4000 && s.busy.load(std::memory_order_acquire) > 0; ++spin)
    __builtin_ia32_pause();
  if (s.busy.load(std::memory_order_acquire) > 0) {
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, [&] { return s.busy.load(std::memory_order_acquire) == 0; });
  }
  if (s.error) std::rethrow_exception(s.error);
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
