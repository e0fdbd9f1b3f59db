#pragma once
// Tensors as kernels see them.
#include "cuda/kernels/matrix.h"
#include "cuda/packed.h"

namespace whorl::cuda {

// Of two dimensions, or one long row.
template <class T = float>
Dense<T> rows_of(const Tensor& t) {
  return {Global<T>(static_cast<T*>(t.raw())), t.empty() ? 0 : t.row_stride()};
}

// body(the matrix as stored): float32, bfloat16, int8 or int4.
template <class Body>
void with_rows(const CudaWeight& w, const Body& body) {
  const Global<const uint8_t> codes(w.codes.data<uint8_t>());
  const Global<const uint16_t> scales(w.scales.data<uint16_t>());
  if (w.rounding == ops::Quantize::int8)
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

}  // namespace whorl::cuda
