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

}  // namespace whorl::cpu::WHORL_ISA
