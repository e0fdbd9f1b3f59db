#pragma once
// Tensors as kernels see them.
#include "cuda/kernels/fp8_rows.h"
#include "cuda/packed.h"

namespace whorl::cuda {

// Of two dimensions, or one long row.
template <class T = float>
Dense<T> rows_of(const Tensor& t) {
  return {Global<T>(static_cast<T*>(t.raw())), t.empty() ? 0 : t.row_stride()};
}

inline EitherRows either(const Tensor& t) {
  const bool narrow = t.dtype() == DType::bfloat16;
  return {Global<const float>(narrow ? nullptr : t.data<float>()),
          Global<const uint16_t>(narrow ? t.data<uint16_t>() : nullptr), t.empty() ? 0 : t.row_stride()};
}
inline EitherOut either_out(const Tensor& t) {
  const bool narrow = t.dtype() == DType::bfloat16;
  return {Global<float>(narrow ? nullptr : t.data<float>()),
          Global<uint16_t>(narrow ? t.data<uint16_t>() : nullptr), t.empty() ? 0 : t.row_stride()};
}

// body(float or uint16_t): the numbers of an activation.
template <class Body>
void with_numbers(const Tensor& t, const Body& body) {
  t.dtype() == DType::bfloat16 ? body(uint16_t{}) : body(float{});
}

// body(the matrix as stored): float32, bfloat16, int8, int4 or FP8.
template <class Body>
void with_rows(const CudaWeight& w, const Body& body) {
  const Global<const uint8_t> codes(w.codes.data<uint8_t>());
  const Global<const uint16_t> scales(w.scales.data<uint16_t>());
  if (w.fp8())
    body(Fp8Rows{codes, Global<const float>(w.scales.data<float>()), w.codes.dim(1)});
  else if (w.rounding == ops::Quantize::int8)
    body(Int8Rows{codes, scales, w.groups()});
  else if (w.rounding == ops::Quantize::int4)
    body(Int4Rows{codes, scales, Global<const uint16_t>(w.minima.data<uint16_t>()), w.groups()});
  else if (w.dtype() == DType::bfloat16)
    body(rows_of<const uint16_t>(w.values));
  else
    body(rows_of<const float>(w.values));
}

inline int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }

// One thread per element of [rows, columns].
inline Extent per_element(int64_t rows, int64_t columns) { return {rows, pieces(columns, 256), 0}; }
// Per four.
inline Extent per_four(int64_t rows, int64_t columns) { return {rows, pieces(columns, 1024), 0}; }

}  // namespace whorl::cuda
