#pragma once
#include "tensor/tensor.h"

namespace whorl::tensor {

// The same numbers as float32 or bfloat16 (rounded to nearest even), always in fresh, contiguous memory.
// float32, bfloat16 and float16 can be read; others are invalid_argument.
Tensor convert(const Tensor& tensor, DType dtype);

}  // namespace whorl::tensor
