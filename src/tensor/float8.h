#pragma once
// FP8 E4M3: a sign, four bits of exponent, three of mantissa; no infinity, 448 is the largest number and 0x7f
// (or 0xff) is NaN. One rule for hosts and devices.
#include <bit>
#include <cstdint>

namespace whorl {

inline constexpr float kLargestE4m3 = 448;

// To the nearest, ties to even; what is too large becomes the largest; NaN stays NaN.
constexpr uint8_t float_to_e4m3(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x), size = bits & 0x7fffffffu;
  const uint32_t sign = bits >> 24 & 0x80u;
  if (size > 0x7f800000u) return static_cast<uint8_t>(sign | 0x7fu);
  if (size >= std::bit_cast<uint32_t>(kLargestE4m3)) return static_cast<uint8_t>(sign | 0x7eu);
  if (size < std::bit_cast<uint32_t>(0x1p-6f)) {  // whole numbers of 2^-9: the last bit of such a sum
    const float sum = std::bit_cast<float>(size) + 0x1p14f;
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(0x1p14f)));
  }
  const uint32_t rounded = size + 0x7ffffu + (size >> 20 & 1u);
  return static_cast<uint8_t>(sign | ((rounded >> 20) - (120u << 3)));
}

// Exact, also in bfloat16.
constexpr float e4m3_to_float(uint8_t code) {
  const uint32_t size = code & 0x7fu, sign = static_cast<uint32_t>(code & 0x80u) << 24;
  if (size == 0x7f) return std::bit_cast<float>(sign | 0x7fc00000u);
  if (size < 8)
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(size) * 0x1p-9f));
  return std::bit_cast<float>(sign | ((size << 20) + (120u << 23)));
}

}  // namespace whorl
