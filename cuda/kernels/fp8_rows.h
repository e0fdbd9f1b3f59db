#pragma once
#include "cuda/kernels/matrix.h"
#include "tensor/float8.h"

namespace whorl::cuda {

// Codes with a scale for each row, as the numbers they stand for; without scales as the codes' own.
struct Fp8Rows {
  Global<const uint8_t> codes;
  Global<const float> scales;  // may be null
  int64_t stride = 0;
  WHORL_DEVICE float at(int64_t i, int64_t j) const {
    const float value = e4m3_to_float(codes[i * stride + j]);
    return scales ? value * scales[i] : value;
  }
};

}  // namespace whorl::cuda
