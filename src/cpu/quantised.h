#pragma once
// Weights as whole numbers: groups of 32 inputs share a scale, int8 codes are -128..127, int4 codes -8..7, or
// 0..15 above a minimum.
#include <vector>

#include "base/thread_pool.h"
#include "cpu/kernels.h"
#include "ops/backend.h"

namespace whorl::cpu {

// A matrix [k, columns] that products reduce over k, rounded. Layout: kernels.h, QuantGemm.
class QuantPanels {
 public:
  QuantPanels() = default;
  // Reads its rows on the pool's threads.
  QuantPanels(base::ThreadPool& pool, const ops::QuantizedRows& w);

  // Filled later, panel by panel.
  QuantPanels(ops::Quantize quantize, bool minima, int64_t k, int64_t columns);

  // Over memory of somebody else's, which is only read; `minima` may be empty.
  QuantPanels(const Tensor& codes, const Tensor& scales, const Tensor& minima, int64_t k, int64_t columns);

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
  const Tensor& codes() const { return codes_; }
  const Tensor& scales() const { return scales_; }
  const Tensor& minima() const { return minima_; }
  size_t nbytes() const {
    return empty() ? 0 : codes_.nbytes() + scales_.nbytes() + (minima_.empty() ? 0 : minima_.nbytes());
  }
  // Panel `from` of w's rows becomes this matrix's panel `panel`. Any thread.
  void fill_panel(const ops::QuantizedRows& w, int64_t from, int64_t panel) const;
  // What the codes of one column stand for, all k; of columns [begin, end), one after another.
  void copy_column(int64_t column, float* out) const;
  void copy_columns(int64_t begin, int64_t end, float* out) const;

 private:
  Shape shape_of_codes() const;
  void allocate(bool minima);
  void copy_panel(int64_t panel, float* out) const;
  void place(const std::vector<uint16_t>& row, int64_t panel, int64_t lane, const Tensor& to) const;

  ops::Quantize quantize_ = ops::Quantize::none;
  int64_t k_ = 0, columns_ = 0;
  Tensor codes_, scales_, minima_;
};

}  // namespace whorl::cpu
