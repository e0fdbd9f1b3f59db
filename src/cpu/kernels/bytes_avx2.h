#pragma once
// See bytes_vnni.h. Products of bytes are added in 16 bits, where they fit.
#include "cpu/kernels/bytes_avx2_common.h"

namespace whorl::cpu::WHORL_ISA {

constexpr bool kShifted8 = false;

// A sum that later products cannot be made ahead of. Left alone GCC 12 makes all products of a group first,
// as whole numbers may be added in any order, and spills them: a third of the speed.
static inline Part in_order(Part sum) {
  __asm__("" : "+x"(sum));
  return sum;
}

// Magnitudes times numbers of the code's sign: two products are at most 2 * 128 * 127, one below the limit.
struct Codes8 {
  Part size, code;
};
static inline Codes8 codes8(Part stored) {
  const Part code = _mm256_xor_si256(stored, _mm256_set1_epi8(-128));
  return {_mm256_abs_epi8(code), code};
}
static inline Part dot8(Part sum, const Codes8& w, Part x) {
  const Part pairs = _mm256_maddubs_epi16(w.size, _mm256_sign_epi8(x, w.code));
  return in_order(_mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))));
}
// All eight words of a group fit in 16 bits: 16 * 15 * 127 = 30480.
static inline Part dot4(Part sum, Part w, Part x) {
  return in_order(_mm256_add_epi16(sum, _mm256_maddubs_epi16(w, x)));
}
static inline Vec totals8(Part a, Part b) { return {_mm256_cvtepi32_ps(a), _mm256_cvtepi32_ps(b)}; }
static inline Vec totals4(Part a, Part b) {
  const Part ones = _mm256_set1_epi16(1);
  return totals8(_mm256_madd_epi16(a, ones), _mm256_madd_epi16(b, ones));
}

}  // namespace whorl::cpu::WHORL_ISA
