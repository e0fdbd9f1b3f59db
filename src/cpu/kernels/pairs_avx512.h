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
  const __m512i halves = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                          22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_castsi512_ps(_mm512_permutexvar_epi16(halves, _mm512_castps_si512(round_pairs(even, odd))));
}
// Words of the first number alone, the second zero.
static inline Vec first_of_pairs(Vec words) {
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(words), _mm512_set1_epi32(0xffff)));
}
// value, but minus infinity in the lanes where x < bound.
static inline Vec lowest_where_less(Vec value, Vec x, Vec bound) {
  return _mm512_mask_mov_ps(value, _mm512_cmp_ps_mask(x, bound, _CMP_LT_OQ),
                            _mm512_set1_ps(-__builtin_inff()));
}
// Word j of row i holds numbers 2 i and 2 i + 1 of column j. Turned, word i of row j holds number i of
// columns 2 j and 2 j + 1.
static inline void turn_pairs(Vec (&row)[8]) {
  // A word of two numbers of one column, its neighbour's: now a word of either number.
  const __m512i halves =
      _mm512_broadcast_i32x4(_mm_set_epi8(15, 14, 11, 10, 13, 12, 9, 8, 7, 6, 3, 2, 5, 4, 1, 0));
  __m512d x[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i)
    x[i] = _mm512_castsi512_pd(_mm512_shuffle_epi8(_mm512_castps_si512(row[i]), halves));
    // Eight rows of eight such couples, turned.
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2)
    t[i] = _mm512_unpacklo_pd(x[i], x[i + 1]), t[i + 1] = _mm512_unpackhi_pd(x[i], x[i + 1]);
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m512d a = _mm512_shuffle_f64x2(t[i], t[i + 2], 0x88),
                  b = _mm512_shuffle_f64x2(t[i], t[i + 2], 0xdd);
    const __m512d c = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0x88),
                  d = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0xdd);
    row[i] = _mm512_castpd_ps(_mm512_shuffle_f64x2(a, c, 0x88));
    row[i + 4] = _mm512_castpd_ps(_mm512_shuffle_f64x2(a, c, 0xdd));
    row[i + 2] = _mm512_castpd_ps(_mm512_shuffle_f64x2(b, d, 0x88));
    row[i + 6] = _mm512_castpd_ps(_mm512_shuffle_f64x2(b, d, 0xdd));
  }
}

}  // namespace whorl::cpu::WHORL_ISA
