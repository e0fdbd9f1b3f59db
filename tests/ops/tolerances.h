#pragma once
// THE TABLE: how far a result may lie from the same computation in double, relative to |expected| plus the
// root mean square of the expected tensor. Keyed by the type of the stored weights; a kernel multiplies
// bfloat16 weights exactly (widened, float32 sums), so against a reference that uses the same rounded
// weights they are held to the same limit. Kernels that multiply pairs of bfloat16 round their other operand:
// they are held to that limit where it is a bfloat16 number already, to kRounded where it is not.
#include "tensor/tensor.h"

namespace whorl::ops {

struct Tolerance {
  double forward, gradient;
};

inline Tolerance tolerance(DType weights) {
  switch (weights) {
    case DType::float32:
      return {3e-6, 1e-5};
    case DType::bfloat16:
      return {3e-6, 1e-5};
    default:
      return {0, 0};
  }
}

// One rounding of an operand to bfloat16 is 2^-9 of it at most; these are a few, in the products' own scale.
inline constexpr Tolerance kRounded = {6e-3, 1.2e-2};
// Beside that what was written rounded itself, and what is added to more than once.
inline constexpr Tolerance kNarrow = {8e-3, 1.6e-2};

}  // namespace whorl::ops
