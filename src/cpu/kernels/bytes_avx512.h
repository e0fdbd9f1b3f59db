#pragma once
// bytes_vnni.h without VNNI: bytes widened to 16 bits, which cannot overflow.
#include "cpu/kernels/bytes_avx512_common.h"

namespace whorl::cpu::WHORL_ISA {

static inline Vec dot_bytes(Vec acc, Vec w, Vec x) {
  const __m512i a = _mm512_castps_si512(w), b = _mm512_castps_si512(x), low = _mm512_set1_epi16(255);
  const __m512i even =
      _mm512_madd_epi16(_mm512_and_si512(a, low), _mm512_srai_epi16(_mm512_slli_epi16(b, 8), 8));
  const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(a, 8), _mm512_srai_epi16(b, 8));
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(acc), _mm512_add_epi32(even, odd)));
}

}  // namespace whorl::cpu::WHORL_ISA
