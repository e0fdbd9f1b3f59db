#pragma once
// Weights as whole numbers: groups of 32 inputs share a scale, int8 codes are -128..127, int4 codes -8..7, or
// 0..15 above a minimum.
#include "base/thread_pool.h"
#include "cpu/kernels.h"
#include "ops/backend.h"

namespace whorl::cpu {

// A matrix [k, columns] that products reduce over k, rounded. Layout: kernels.h, QuantGemm.
class QuantPanels {
 public:
  QuantPanels() = default;
  // w [columns, k] on the host, float32 or bfloat16. int8: the largest of a group becomes 127. int4: of a few
  // scales for each group the one with the least squared error.
  QuantPanels(base::ThreadPool& pool, const Tensor& w, ops::Quantize quantize);
  // What is rounded already, checked by the caller.
  QuantPanels(base::ThreadPool& pool, const ops::QuantizedMatrix& w);

  bool empty() const { return codes_.empty(); }
  ops::Quantize quantize() const { return quantize_; }
  int64_t k() const { return k_; }
  int64_t columns() const { return columns_; }
  int64_t panels() const { return (columns_ + kPanel - 1) / kPanel; }
  int64_t groups() const { return (k_ + kGroup - 1) / kGroup; }
  QuantMatrix matrix() const {
    return {codes_.data<uint8_t>(), scales_.data<uint16_t>(),
            minima_.empty() ? nullptr : minima_.data<uint16_t>(), quantize_ == ops::Quantize::int4};
  }
  size_t nbytes() const {
    return empty() ? 0 : codes_.nbytes() + scales_.nbytes() + (minima_.empty() ? 0 : minima_.nbytes());
  }
  // What the codes of one column stand for, all k.
  void copy_column(int64_t column, float* out) const;

 private:
  void allocate(bool minima);
  void fill_panel(const Tensor& w, int64_t panel);
  void copy_panel(const ops::QuantizedMatrix& w, int64_t panel);
  void place(int64_t panel, int64_t group, int64_t lane, const uint8_t (&stored)[kGroup], uint16_t scale);

  ops::Quantize quantize_ = ops::Quantize::none;
  int64_t k_ = 0, columns_ = 0;
  Tensor codes_, scales_, minima_;
};

}  // namespace whorl::cpu
