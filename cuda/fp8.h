#pragma once
// Products of FP8 E4M3: which memory they take, and how they are made.
#include "cuda/kernels/fp8.h"
#include "cuda/packed.h"
#include "cuda/rounded_rows.h"

namespace whorl::cuda {

// Codes of a matrix on the device.
struct Fp8Codes {
  const uint8_t* codes = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t stride() const { return fp8_stride(columns); }
  Fp8Rows as_rows(const float* scales = nullptr) const {
    return {Global<const uint8_t>(codes), Global<const float>(scales), stride()};
  }
};
inline Fp8Codes codes_of(const CudaWeight& w) { return {w.codes.data<uint8_t>(), w.o, w.k}; }

// y (=, or += with accumulate) = x w^T with both scales + bias + residual; w is [n, k] in codes.
struct Fp8Product {
  Fp8Codes x, w;
  const float *x_scales = nullptr, *w_scales = nullptr;
  Tensor y, bias;
  const Tensor* residual = nullptr;
  bool accumulate = false;
};
// By the library, in FP8; false where that has no answer.
bool multiply_fp8(Runtime& runtime, const Fp8Product& product);
// By the library, in bfloat16, which holds all codes: sums of the same products. w as it is, [n, k], or
// (`turned`) given as [k, n].
bool multiply_widened(Runtime& runtime, const Fp8Product& product, bool turned);
// Whether the library could have an answer.
bool suits_fp8(const Runtime& runtime, int64_t n, const Tensor& y);

// codes [rows, columns] turned, [columns, fp8_stride(rows)], to `to`.
void turn_codes(Runtime& runtime, const Fp8Codes& from, uint8_t* to);
inline size_t turned_bytes(const CudaWeight& w) { return static_cast<size_t>(w.k * fp8_stride(w.o)); }

// What the two products of such a weight hold beside their tensors, at the most.
size_t fp8_forward_bytes(const Runtime& runtime, int64_t rows, const CudaWeight& w, DType y);
size_t fp8_backward_bytes(const Runtime& runtime, int64_t rows, const CudaWeight& w, bool turned);

}  // namespace whorl::cuda
