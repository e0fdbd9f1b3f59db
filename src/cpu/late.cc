#include "cpu/late.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "cpu/packed.h"

namespace whorl::cpu {

LateRows::~LateRows() {
  if (laid_out) laid_out();
}

void LateRows::lay(int64_t from, const CpuWeight& weight, int64_t to) const {
  if (whole.empty()) return weight.quantised.fill_panel(codes, from, to);
  const int64_t first = from * kPanel, last = std::min(first + kPanel, whole.dim(0));
  weight.forward.lay_rows(to, whole.rows(first, last).raw(), whole.dim(1), last - first);
}

namespace {
// What a row of codes stands for; the arithmetic of QuantPanels::copy_column.
void widen_row(const ops::QuantizedRows& w, int64_t row, float* out) {
  const bool int8 = w.quantize == ops::Quantize::int8;
  const auto groups = static_cast<size_t>((w.inputs + kGroup - 1) / kGroup);
  thread_local std::vector<uint8_t> codes;
  thread_local std::vector<uint16_t> scales, minima;
  codes.resize(groups * kGroup), scales.resize(groups), minima.resize(groups);
  w.read(row, {codes.data(), scales.data(), w.minima ? minima.data() : nullptr});
  for (int64_t k = 0; k < w.inputs; ++k) {
    const auto group = static_cast<size_t>(k / kGroup), at = static_cast<size_t>(k);
    const int nibble = k % 2 == 0 ? codes[at / 2] & 15 : codes[at / 2] >> 4;
    const int code = int8 ? static_cast<int8_t>(codes[at]) : w.minima ? nibble : nibble - 8;
    const float minimum = w.minima ? half_to_float(minima[group]) : 0.0f;
    out[k] = half_to_float(scales[group]) * static_cast<float>(code) - minimum;
  }
}
}  // namespace

void LateRows::copy_row(int64_t row, float* out) const {
  if (whole.empty()) return widen_row(codes, row, out);
  const int64_t k = whole.dim(1);
  if (whole.dtype() == DType::float32) {
    std::copy_n(whole.data<float>() + row * k, k, out);
  } else {
    for (int64_t i = 0; i < k; ++i) out[i] = bf16_to_float(whole.data<uint16_t>()[row * k + i]);
  }
}

void Late::begin(std::shared_ptr<const LateRows> rows) {
  rows_ = std::move(rows);
  there_.store(false, std::memory_order_release);
}

std::shared_ptr<const LateRows> Late::first(Use use) const {
  if (there()) return nullptr;
  const std::lock_guard lock(mutex_);
  return std::exchange(used_[static_cast<size_t>(use)], true) ? nullptr : rows_;
}

// A panel that could not be made counts as well: others wait for all of them.
void Late::lay_some(const LateRows& rows, const CpuWeight& weight) const {
  const int64_t panels = weight.panels();
  for (int64_t panel; (panel = next_.fetch_add(1, std::memory_order_relaxed)) < panels;) {
    try {
      rows.lay(panel, weight, panel);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
    done_.fetch_add(1, std::memory_order_acq_rel);
  }
}

void Late::finish(base::ThreadPool& pool, const CpuWeight& weight) const {
  if (there()) return;
  std::unique_lock lock(mutex_);
  std::shared_ptr<const LateRows> rows = rows_;
  lock.unlock();
  if (!rows) return;  // somebody was faster
  pool.run(pool.width(), [&](int64_t) { lay_some(*rows, weight); });
  // Those who are at the last panels work, and wait for nobody.
  while (done_.load(std::memory_order_acquire) < weight.panels()) std::this_thread::yield();
  lock.lock();
  if (error_) std::rethrow_exception(error_);
  rows_.reset();
  there_.store(true, std::memory_order_release);
  lock.unlock();  // and then, perhaps, the last of the rows goes
}

}  // namespace whorl::cpu
