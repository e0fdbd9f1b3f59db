#pragma once
// A few rows rounded once for all products with weights of whole numbers that share them.
#include <algorithm>
#include <optional>

#include "cpu/backend.h"

namespace whorl::cpu {

class CpuBackend::RoundedOnce {
 public:
  RoundedOnce(CpuBackend& backend, const Tensor& x) : backend_(backend), x_(x) {}

  // Rounded for weights of this kind, on all threads where it is worth waking them; null where every task
  // does it: weights stored whole, or too many rows. Valid as long as this lives. One thread.
  float* rows(const CpuWeight& weight) {
    const int64_t n = x_.dim(0);
    if (weight.whole() || n > kQuantRows) return nullptr;
    const QuantMatrix matrix = weight.quantised.matrix();
    std::optional<Lease>& kept = kept_[matrix.minima ? 2 : matrix.int4 ? 1 : 0];
    if (kept) return kept->get();
    const int64_t k = weight.inputs();
    kept.emplace(backend_.scratch_, static_cast<size_t>(backend_.kernels_.gemm_quantised_scratch(k)));
    QuantGemm g{};
    g.a = x_.data<float>(), g.a_stride = x_.row_stride(), g.rows = n, g.k = k, g.w = matrix;
    g.scratch = kept->get();
    const int64_t pieces = n * k < kWorthSharing ? 1 : std::min<int64_t>(n, backend_.pool_->width());
    backend_.pool_->run(
        pieces, [&](int64_t i) { backend_.kernels_.round_rows(g, n * i / pieces, n * (i + 1) / pieces); });
    return kept->get();
  }

 private:
  static constexpr int64_t kWorthSharing = 1 << 14;  // numbers to round
  CpuBackend& backend_;
  const Tensor& x_;
  std::optional<Lease> kept_[3];  // int8, int4, int4 with minima
};

}  // namespace whorl::cpu
