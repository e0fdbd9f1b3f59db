#pragma once
// A few rows made ready once for all products that share them: rounded to whole numbers for weights of whole
// numbers, packed for those of bfloat16.
#include <algorithm>
#include <optional>

#include "cpu/backend.h"
#include "cpu/linear_parts.h"

namespace whorl::cpu {

class CpuBackend::RoundedOnce {
 public:
  RoundedOnce(CpuBackend& backend, const Tensor& x) : backend_(backend), x_(x) {}

  // Both on all threads where it is worth waking them, and valid as long as this lives; null where every task
  // does it. One thread.
  float* for_weight(const CpuWeight& weight) {
    if (!ready_once(backend_.kernels_, weight, x_.dim(0))) return nullptr;
    if (weight.whole()) return packed();
    const QuantMatrix matrix = weight.quantised.matrix();
    std::optional<Lease>& kept = rounded_[matrix.minima ? 2 : matrix.int4 ? 1 : 0];
    if (!kept) {
      const int64_t floats = backend_.kernels_.gemm_quantised_scratch(weight.inputs());
      kept.emplace(backend_.scratch_, static_cast<size_t>(floats));
      round(matrix, kept->get());
    }
    return kept->get();
  }
  float* for_adapters(std::span<const LoraSegment> segments) {
    if (!packed_once(backend_.kernels_, x_.dim(0))) return nullptr;
    for (const LoraSegment& s : segments)
      if (s.lora && s.dropout == 0 && as_cpu(*s.lora).a.bf16()) return packed();
    return nullptr;
  }

 private:
  static constexpr int64_t kWorthSharing = 1 << 14;  // numbers
  int64_t threads() const { return x_.dim(0) * x_.dim(1) < kWorthSharing ? 1 : backend_.pool_->width(); }

  void round(const QuantMatrix& matrix, float* to) {
    const int64_t n = x_.dim(0);
    QuantGemm g{};
    g.a = x_.data<float>(), g.a_stride = x_.row_stride(), g.rows = n, g.k = x_.dim(1);
    g.w = matrix, g.scratch = to;
    const int64_t pieces = std::min<int64_t>(n, threads());
    backend_.pool_->run(
        pieces, [&](int64_t i) { backend_.kernels_.round_rows(g, n * i / pieces, n * (i + 1) / pieces); });
  }

  // Cut by numbers, not by rows: those of several rows lie in one line of the cache.
  float* packed() {
    if (packed_) return packed_->get();
    Gemm g{};
    g.a = x_.data<float>(), g.a_stride = x_.row_stride(), g.rows = x_.dim(0), g.k = x_.dim(1);
    g.packed_step = packed_step(g.rows);
    packed_.emplace(backend_.scratch_, static_cast<size_t>(packed_floats(g.rows, g.k)));
    const int64_t blocks = (g.k + 31) / 32, pieces = std::min(blocks, threads());
    backend_.pool_->run(pieces, [&](int64_t i) {
      const int64_t begin = blocks * i / pieces * 32, end = blocks * (i + 1) / pieces * 32;
      backend_.kernels_.pack_rows(g, begin, std::min(end, g.k), packed_->get());
    });
    return packed_->get();
  }

  CpuBackend& backend_;
  const Tensor& x_;
  std::optional<Lease> rounded_[3], packed_;  // for int8, int4, int4 with minima; pairs
};

}  // namespace whorl::cpu
