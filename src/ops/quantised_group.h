#pragma once
// How a group of weights is rounded to whole numbers that share a scale: one rule for every backend.
#include "ops/backend.h"

namespace whorl::ops {

inline constexpr int64_t kQuantisedGroup = 32;

struct RoundedGroup {
  int codes[kQuantisedGroup] = {};  // int8: -127..127, int4: -8..7
  uint16_t scale = 0;               // float16
};

// n <= 32 numbers. int8: the largest becomes 127. int4: of a few scales the one with the least squared error.
RoundedGroup round_group(const float* x, int64_t n, Quantize quantize);

// Rows of what is rounded already, and of a matrix [O, K] (float32 or bfloat16) rounded group by group as
// they are read. Both keep the tensors.
QuantizedRows rows_of(const QuantizedMatrix& w);
QuantizedRows rounded_rows(const Tensor& w, Quantize quantize);

// std::invalid_argument unless the parts of `w` fit each other and its scales and minima are finite.
void expect_codes(const QuantizedMatrix& w);

}  // namespace whorl::ops
