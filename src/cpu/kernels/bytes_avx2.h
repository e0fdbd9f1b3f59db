#pragma once
// See bytes_vnni.h; bytes are widened to 16 bits, which cannot overflow.
#include <immintrin.h>

#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

static inline __m256i ints(__m256 x) { return _mm256_castps_si256(x); }
static inline __m256 carried(__m256i x) { return _mm256_castsi256_ps(x); }

static inline Vec broadcast_int(int32_t x) {
  return {carried(_mm256_set1_epi32(x)), carried(_mm256_set1_epi32(x))};
}
static inline Vec load_bytes(const uint8_t* p) {
  return {carried(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))),
          carried(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32)))};
}
static inline Vec to_floats(Vec x) { return {_mm256_cvtepi32_ps(ints(x.a)), _mm256_cvtepi32_ps(ints(x.b))}; }
static inline Vec low_nibbles(Vec x) {
  const __m256i mask = _mm256_set1_epi8(15);
  return {carried(_mm256_and_si256(ints(x.a), mask)), carried(_mm256_and_si256(ints(x.b), mask))};
}
static inline Vec high_nibbles(Vec x) {
  return low_nibbles({carried(_mm256_srli_epi16(ints(x.a), 4)), carried(_mm256_srli_epi16(ints(x.b), 4))});
}
static inline Vec pick_byte(Vec x, int i) {
  const __m256i mask = _mm256_set1_epi32(255);
  return {carried(_mm256_and_si256(_mm256_srli_epi32(ints(x.a), 8 * i), mask)),
          carried(_mm256_and_si256(_mm256_srli_epi32(ints(x.b), 8 * i), mask))};
}
static inline Vec load_halves(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}
static inline void store_low_bytes(uint8_t* p, Vec x) {
  int32_t lanes[16];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), ints(x.a));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes + 8), ints(x.b));
  for (int i = 0; i < 16; ++i) p[i] = static_cast<uint8_t>(lanes[i]);
}
static inline __m256 dot_half(__m256 acc, __m256 w, __m256 x) {
  const __m256i a = ints(w), b = ints(x), low = _mm256_set1_epi16(255);
  const __m256i even =
      _mm256_madd_epi16(_mm256_and_si256(a, low), _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
  return carried(_mm256_add_epi32(ints(acc), _mm256_add_epi32(even, odd)));
}
static inline Vec dot_bytes(Vec acc, Vec w, Vec x) {
  return {dot_half(acc.a, w.a, x.a), dot_half(acc.b, w.b, x.b)};
}

}  // namespace whorl::cpu::WHORL_ISA
