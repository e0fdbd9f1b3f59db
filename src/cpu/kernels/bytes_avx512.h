#pragma once
// bytes_vnni.h without VNNI: as bytes_avx2.h, where the bounds are worked out, sixteen columns at once.
#include "cpu/kernels/bytes_avx512_common.h"

namespace whorl::cpu::WHORL_ISA {

constexpr bool kShifted8 = false;

// See bytes_avx2.h.
static inline Part in_order(Part sum) {
  __asm__("" : "+v"(sum));
  return sum;
}

struct Codes8 {
  Part size;
  __mmask64 negative;
};
static inline Codes8 codes8(Part stored) {
  const Part code = _mm512_xor_si512(stored, _mm512_set1_epi8(-128));
  return {_mm512_abs_epi8(code), _mm512_movepi8_mask(code)};
}
static inline Part dot8(Part sum, const Codes8& w, Part x) {
  const Part turned = _mm512_mask_sub_epi8(x, w.negative, _mm512_setzero_si512(), x);
  const Part pairs = _mm512_maddubs_epi16(w.size, turned);
  return in_order(_mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1))));
}
static inline Part dot4(Part sum, Part w, Part x) {
  return in_order(_mm512_add_epi16(sum, _mm512_maddubs_epi16(w, x)));
}
static inline Vec totals8(Part sum) { return _mm512_cvtepi32_ps(sum); }
static inline Vec totals4(Part sum) { return totals8(_mm512_madd_epi16(sum, _mm512_set1_epi16(1))); }

}  // namespace whorl::cpu::WHORL_ISA
