#pragma once
// How a row becomes FP8 E4M3: one rule for every backend, for rows of a weight, of what it is multiplied by
// and of gradients. A row's scale is a power of two, so that it moves exponents and nothing is rounded but
// the codes; it depends on that row alone.
#include <bit>
#include <cstdint>

#include "tensor/float8.h"

namespace whorl::ops {

// The smallest power of two that brings a row whose largest number has the size `most` to 448 or less; of
// smaller rows than 2^-100 that of such a row, so that its inverse is a number too.
constexpr float fp8_scale(float most) {
  const float exact = (most > 0x1p-100f ? most : 0x1p-100f) / kLargestE4m3;
  return std::bit_cast<float>((std::bit_cast<uint32_t>(exact) + 0x7fffffu) & 0x7f800000u);
}

// A number of that row. `inverse` is 1 / scale; where a number is infinite or NaN, the code is NaN.
constexpr uint8_t fp8_code(float x, float inverse) { return float_to_e4m3(x * inverse); }

}  // namespace whorl::ops
