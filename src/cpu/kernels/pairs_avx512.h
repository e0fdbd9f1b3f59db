#pragma once
// What AVX512-BF16 adds to vec_avx512.h: pairs of bfloat16, a word each, carried in a Vec.
#include <immintrin.h>

namespace whorl::cpu::WHORL_ISA {

// acc + x.low * w.low + x.high * w.high in every lane. Subnormal numbers count as zero.
static inline Vec dot_pairs(Vec x, Vec w, Vec acc) {
  return _mm512_dpbf16_ps(acc, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(w));
}
// Thirty-two numbers, rounded: word i holds numbers 2 i and 2 i + 1.
static inline Vec round_pairs(Vec first, Vec second) {
  return reinterpret_cast<Vec>(_mm512_cvtne2ps_pbh(second, first));
}
// Word i holds even[i] and odd[i], rounded.
static inline Vec weave_pairs(Vec even, Vec odd) {
  const __m512i low = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(even)));
  const __m512i high = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(odd)));
  return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

}  // namespace whorl::cpu::WHORL_ISA
