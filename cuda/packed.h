#pragma once
// Matrices as the device holds them: row-major, as a checkpoint has them. Both directions read the same copy.
#include "cuda/runtime.h"
#include "ops/backend.h"

namespace whorl::cuda {

inline constexpr int64_t kGroup = 32;  // inputs that share a scale

// [O, K] whole, or codes and scales: int8 [O, groups, 32], int4 [O, groups, 16] (code j and, in the high
// half, code j + 16, each plus 8); scales float16 [O, groups]. With minima, float16 [O, groups], nibbles are
// 0..15 and a number is scale * code - minimum.
struct CudaWeight final : ops::PackedWeight {
  int64_t o = 0, k = 0;
  Tensor values;         // empty when quantised
  Tensor codes, scales;  // empty when whole
  Tensor minima;         // empty where there are none
  ops::Quantize rounding = ops::Quantize::none;

  bool whole() const { return rounding == ops::Quantize::none; }
  int64_t groups() const { return (k + kGroup - 1) / kGroup; }
  int64_t outputs() const override { return o; }
  int64_t inputs() const override { return k; }
  DType dtype() const override { return whole() ? values.dtype() : DType::bfloat16; }
  ops::Quantize quantize() const override { return rounding; }
  size_t nbytes() const override {
    return whole() ? values.nbytes() : codes.nbytes() + scales.nbytes() + minima.nbytes();
  }
};

// a [R, K] and (scale b)^T [R, O]: what a product reduces over or walks along lies together. Float32, or
// bfloat16 where products round their operands anyway.
struct CudaLora final : ops::PackedLora {
  Tensor a, bt;
  float scale = 0;
  bool rounds = false;  // its base is not in float32
  DType dtype() const { return rounds ? DType::bfloat16 : DType::float32; }

  int64_t rank() const override { return a.dim(0); }
  int64_t inputs() const { return a.dim(1); }
  int64_t outputs() const { return bt.dim(1); }
  size_t nbytes() const override { return a.nbytes() + bt.nbytes(); }
};

const CudaWeight& as_cuda(const ops::PackedWeight& weight);
CudaWeight& as_cuda(ops::PackedWeight& weight);
const CudaLora& as_cuda(const ops::PackedLora& lora);

}  // namespace whorl::cuda
