#pragma once
// Matrices in the layout of kernels.h: panels of 16 columns.
#include <mutex>

#include "base/thread_pool.h"
#include "cpu/late.h"
#include "cpu/quantised.h"

namespace whorl::cpu {

// A matrix [k, columns] that products reduce over k.
class Panels {
 public:
  Panels() = default;
  Panels(DType dtype, int64_t k, int64_t columns);
  // Over memory of somebody else's, which is only read.
  Panels(const Tensor& memory, int64_t k, int64_t columns);

  // From row-major memory: element (k, column) at data[k * k_step + column * column_step], one of the
  // steps 1. `data` has this matrix's dtype.
  void fill(base::ThreadPool& pool, const void* data, int64_t k_step, int64_t column_step);
  // Up to 16 rows of such memory with k_step 1 become panel `panel`: lanes without a row, and a k that makes
  // no pair, are cleared. Any thread.
  void lay_rows(int64_t panel, const void* rows, int64_t column_step, int64_t count) const;
  // From float32, times `factor`; rounded when this matrix is bfloat16.
  void fill_scaled(base::ThreadPool& pool, const float* data, int64_t k_step, int64_t column_step,
                   float factor);

  bool empty() const { return memory_.empty(); }
  bool bf16() const { return dtype_ == DType::bfloat16; }
  DType dtype() const { return dtype_; }
  int64_t k() const { return k_; }
  int64_t columns() const { return columns_; }
  int64_t panels() const;
  const void* data() const { return memory_.raw(); }
  const Tensor& memory() const { return memory_; }
  bool borrowed() const { return borrowed_; }
  size_t nbytes() const { return memory_.nbytes(); }
  // Columns [begin, end), each all k, one after another; in the matrix's own dtype.
  void copy_columns(int64_t begin, int64_t end, void* out) const;
  // One column, all k, at out[k]; in the matrix's own dtype or widened.
  void copy_column(int64_t column, void* out) const;
  void copy_column_wide(int64_t column, float* out) const;

 private:
  int64_t offset(int64_t k, int64_t column) const;  // in elements
  template <class Stored, class Value>
  void place(base::ThreadPool& pool, int64_t k_step, int64_t column_step, const Value& value);
  template <class Stored>
  void lay(int64_t panel, const Stored* rows, int64_t column_step, int64_t count) const;
  template <class Stored>
  void place_lines(base::ThreadPool& pool, const Stored* data, int64_t k_step);
  DType dtype_ = DType::float32;
  int64_t k_ = 0, columns_ = 0;
  Tensor memory_;
  bool borrowed_ = false;
};

// forward reduces over the inputs K, backward over the outputs O (empty until asked for: gradients turn
// forward panel by panel then). A quantised one has neither.
struct CpuWeight final : ops::PackedWeight {
  Panels forward, backward;
  QuantPanels quantised;
  Late late;                    // whether forward, or quantised, has been filled yet: see CpuBackend::lay_out
  std::mutex preparing;         // one trainer at a time; whoever computes does not wait for it
  mutable std::mutex swapping;  // of backward: a trainer may attach while another computes

  // backward as it is now: what it holds stays, whatever another trainer makes meanwhile.
  Panels kept() const {
    const std::lock_guard lock(swapping);
    return backward;
  }

  bool whole() const { return quantised.empty(); }
  int64_t outputs() const override { return whole() ? forward.columns() : quantised.columns(); }
  int64_t panels() const { return whole() ? forward.panels() : quantised.panels(); }
  int64_t inputs() const override { return whole() ? forward.k() : quantised.k(); }
  DType dtype() const override { return whole() ? forward.dtype() : DType::bfloat16; }
  ops::Quantize quantize() const override { return quantised.quantize(); }
  size_t nbytes() const override { return forward.nbytes() + kept().nbytes() + quantised.nbytes(); }
  bool has_backward() const { return !whole() || !kept().empty(); }
};

// Four products: s = x a^T, y += s (scale b)^T, ds = dy (scale b), dx += ds a.
struct CpuLora final : ops::PackedLora {
  Panels a, b, b_backward, a_backward;
  float scale = 0;

  int64_t rank() const override { return a.columns(); }
  size_t nbytes() const override {
    return a.nbytes() + b.nbytes() + b_backward.nbytes() + a_backward.nbytes();
  }
};

const CpuWeight& as_cpu(const ops::PackedWeight& weight);
CpuWeight& as_cpu(ops::PackedWeight& weight);
const CpuLora& as_cpu(const ops::PackedLora& lora);

}  // namespace whorl::cpu
