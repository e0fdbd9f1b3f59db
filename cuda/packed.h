#pragma once
// Matrices as the device holds them: row-major, as a checkpoint has them. Both directions read the same copy,
// but for FP8.
#include "cuda/runtime.h"
#include "ops/backend.h"

namespace whorl::cuda {

inline constexpr int64_t kGroup = 32;  // inputs that share a scale

// From one row of FP8 codes to the next: a multiple of what NVIDIA's library asks for.
constexpr int64_t fp8_stride(int64_t columns) {
  constexpr int64_t kStep = Runtime::Product::kFp8;
  return (columns + kStep - 1) / kStep * kStep;
}

// [O, K] whole, or codes and scales: int8 [O, groups, 32], int4 [O, groups, 16] (code j and, in the high
// half, code j + 16, each plus 8); scales float16 [O, groups]. With minima, float16 [O, groups], nibbles are
// 0..15 and a number is scale * code - minimum. FP8 (fp8.h): E4M3 [O, K], rows a multiple of 16 apart with
// zeros between them, and scales float32 [O, 1].
struct CudaWeight final : ops::PackedWeight {
  int64_t o = 0, k = 0;
  Tensor values;         // empty when quantised
  Tensor codes, scales;  // empty when whole
  Tensor minima;         // empty where there are none
  Tensor turned;         // FP8 codes [K, O], as the others, once gradients asked for them
  Tensor ones;           // of FP8: a scale for each input, where codes alone are multiplied
  ops::Quantize rounding = ops::Quantize::none;

  bool whole() const { return rounding == ops::Quantize::none; }
  bool fp8() const { return rounding == ops::Quantize::fp8; }
  bool whole_numbers() const { return !whole() && !fp8(); }
  int64_t groups() const { return (k + kGroup - 1) / kGroup; }
  int64_t outputs() const override { return o; }
  int64_t inputs() const override { return k; }
  DType dtype() const override { return whole() ? values.dtype() : DType::bfloat16; }
  ops::Quantize quantize() const override { return rounding; }
  size_t nbytes() const override {
    size_t all = 0;
    for (const Tensor* part : {&values, &codes, &scales, &minima, &turned, &ones})
      if (!part->empty()) all += part->nbytes();
    return all;
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
