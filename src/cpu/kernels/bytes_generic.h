#pragma once
// See bytes_vnni.h.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

WHORL_INLINE Vec load_bytes(const uint8_t* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
WHORL_INLINE Vec to_floats(Vec x) { return __builtin_convertvector(reinterpret_cast<Words>(x), Vec); }
WHORL_INLINE Vec low_nibbles(Vec x) {
  return reinterpret_cast<Vec>(reinterpret_cast<UnsignedWords>(x) & 0x0f0f0f0fu);
}
WHORL_INLINE Vec high_nibbles(Vec x) {
  return reinterpret_cast<Vec>((reinterpret_cast<UnsignedWords>(x) >> 4) & 0x0f0f0f0fu);
}
WHORL_INLINE Vec pick_byte(Vec x, int i) {
  return reinterpret_cast<Vec>((reinterpret_cast<UnsignedWords>(x) >> (8 * i)) & 255u);
}
// Scales are normal numbers or zero, or subnormal: exponent and fraction are taken apart.
WHORL_INLINE float half_bits_to_float(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const float fraction = static_cast<float>(half & 1023);
  const uint32_t power = static_cast<uint32_t>((exponent == 0 ? 1 : exponent) + 102) << 23;
  float unit;  // 2^(exponent - 25)
  __builtin_memcpy(&unit, &power, sizeof unit);
  const float size = (exponent == 0 ? fraction : 1024.0f + fraction) * unit;
  return half & 0x8000 ? -size : size;
}
WHORL_INLINE Vec load_halves(const uint16_t* p) {
  Vec v{};
  for (int i = 0; i < kLanes; ++i) v[i] = half_bits_to_float(p[i]);
  return v;
}
WHORL_INLINE void store_low_bytes(uint8_t* p, Vec x) {
  const Words lanes = reinterpret_cast<Words>(x);
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<uint8_t>(lanes[i]);
}

using Part = Words;
constexpr int kParts = 1;
constexpr bool kShifted8 = true;
using Codes8 = Part;

WHORL_INLINE Part no_sum() { return Part{}; }
WHORL_INLINE Part load_part(const uint8_t* p) { return reinterpret_cast<Part>(load_bytes(p)); }
WHORL_INLINE Part broadcast_word(const float* p) {
  int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return word - Part{};
}
WHORL_INLINE Part low_part(Part x) { return reinterpret_cast<Part>(low_nibbles(reinterpret_cast<Vec>(x))); }
WHORL_INLINE Part high_part(Part x) { return reinterpret_cast<Part>(high_nibbles(reinterpret_cast<Vec>(x))); }
WHORL_INLINE Codes8 codes8(Part stored) { return stored; }
WHORL_INLINE Part dot8(Part sum, Codes8 w, Part x) {
  for (int i = 0; i < 4; ++i) sum += ((w >> (8 * i)) & 255) * ((x << (24 - 8 * i)) >> 24);
  return sum;
}
WHORL_INLINE Part dot4(Part sum, Part w, Part x) { return dot8(sum, w, x); }
WHORL_INLINE Vec totals8(Part sum) { return __builtin_convertvector(sum, Vec); }
WHORL_INLINE Vec totals4(Part sum) { return totals8(sum); }

}  // namespace whorl::cpu::WHORL_ISA
