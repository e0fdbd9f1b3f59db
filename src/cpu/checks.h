#pragma once
#include <span>

#include "base/check.h"
#include "tensor/tensor.h"

namespace whorl::cpu {

// "[rms_norm] expected gain float32 [64], got float32 [32]"
inline void expect(const char* op, const char* what, const Tensor& t, const Shape& shape,
                   DType dtype = DType::float32) {
  base::check_argument(!t.empty(), "[", op, "] expected ", what, " ", to_string(shape),
                       ", got an empty tensor");
  base::check_argument(t.shape() == shape && t.dtype() == dtype, "[", op, "] expected ", what, " ",
                       name_of(dtype), " ", to_string(shape), ", got ", name_of(t.dtype()), " ",
                       to_string(t.shape()));
}

// An optional tensor may be empty.
inline void expect_optional(const char* op, const char* what, const Tensor& t, const Shape& shape) {
  if (!t.empty()) expect(op, what, t, shape);
}

// A float32 matrix; returns its shape [rows, columns].
inline void expect_matrix(const char* op, const char* what, const Tensor& t) {
  base::check_argument(!t.empty() && t.shape().size() == 2 && t.dtype() == DType::float32, "[", op,
                       "] expected ", what, " to be a float32 matrix, got ", name_of(t.dtype()), " ",
                       to_string(t.shape()));
}

inline void expect_count(const char* op, const char* what, size_t got, int64_t expected) {
  base::check_argument(static_cast<int64_t>(got) == expected, "[", op, "] expected ", expected, " ", what,
                       ", got ", got);
}

}  // namespace whorl::cpu
