#pragma once
// Weights whose layout is made at their second use. Making it is mostly the system handing out new pages, and
// a model's first token needs every weight once: that product reads rows where they lie, a few panels at a
// time.
#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

#include "base/thread_pool.h"
#include "ops/backend.h"

namespace whorl::cpu {

struct CpuWeight;

// Rows of a weight that is not laid out yet, in memory that stays until the last of them goes.
struct LateRows {
  Tensor whole;              // [O, K]; empty: codes
  ops::QuantizedRows codes;  // what `whole` does not say
  std::function<void()> laid_out;

  LateRows(const Tensor& rows, std::function<void()> done) : whole(rows), laid_out(std::move(done)) {}
  LateRows(const ops::QuantizedRows& rows, std::function<void()> done)
      : codes(rows), laid_out(std::move(done)) {}
  ~LateRows();
  LateRows(const LateRows&) = delete;
  LateRows& operator=(const LateRows&) = delete;

  // Panel `from` of these rows becomes panel `to` of `weight`, which may be a part of the whole. Any thread.
  void lay(int64_t from, const CpuWeight& weight, int64_t to) const;
  // One row, widened: the bits that a lookup in the layout gives.
  void copy_row(int64_t row, float* out) const;
};

// Whether a weight's layout is there, and how it comes to be. Any thread at any time: nobody holds a lock
// while waiting for the pool, as a body that runs there may be the next to ask.
class Late {
 public:
  enum class Use : uint8_t { product, lookup };

  // Once, before others know the weight, whose panels have memory but no numbers yet.
  void begin(std::shared_ptr<const LateRows> rows);
  bool there() const { return there_.load(std::memory_order_acquire); }
  // The rows, for the first use of its kind; null from then on.
  std::shared_ptr<const LateRows> first(Use use) const;
  // Makes the layout, on the pool; who comes meanwhile helps. Returns, or throws what a reader threw, when
  // all of it is made.
  void finish(base::ThreadPool& pool, const CpuWeight& weight) const;

 private:
  void lay_some(const LateRows& rows, const CpuWeight& weight) const;

  mutable std::atomic<bool> there_{true};
  mutable std::atomic<int64_t> next_{0}, done_{0};  // panels
  mutable std::mutex mutex_;                        // of what follows
  mutable std::shared_ptr<const LateRows> rows_;
  mutable bool used_[2] = {false, false};
  mutable std::exception_ptr error_;
};

}  // namespace whorl::cpu
