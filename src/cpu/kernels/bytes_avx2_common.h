#pragma once
// A panel is two parts of eight columns.
#include <immintrin.h>

#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

static inline __m256i ints(__m256 x) { return _mm256_castps_si256(x); }
static inline __m256 carried(__m256i x) { return _mm256_castsi256_ps(x); }

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
  const __m256i mask = _mm256_set1_epi32(255);
  const __m256i words =
      _mm256_packus_epi32(_mm256_and_si256(ints(x.a), mask), _mm256_and_si256(ints(x.b), mask));
  const __m256i sorted = _mm256_permute4x64_epi64(words, 0xd8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packus_epi16(_mm256_castsi256_si128(sorted), _mm256_extracti128_si256(sorted, 1)));
}

using Part = __m256i;
constexpr int kParts = 2;

static inline Part no_sum() { return _mm256_setzero_si256(); }
static inline Part load_part(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
static inline Part broadcast_word(const float* p) { return ints(_mm256_broadcast_ss(p)); }
static inline Part low_part(Part x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
static inline Part high_part(Part x) { return low_part(_mm256_srli_epi16(x, 4)); }

}  // namespace whorl::cpu::WHORL_ISA
