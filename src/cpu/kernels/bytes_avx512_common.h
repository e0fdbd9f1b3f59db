#pragma once
#include <immintrin.h>

#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

static inline Vec load_bytes(const uint8_t* p) { return _mm512_castsi512_ps(_mm512_loadu_si512(p)); }
static inline Vec to_floats(Vec ints) { return _mm512_cvtepi32_ps(_mm512_castps_si512(ints)); }
static inline Vec low_nibbles(Vec bytes) {
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(bytes), _mm512_set1_epi8(15)));
}
static inline Vec high_nibbles(Vec bytes) {
  return low_nibbles(_mm512_castsi512_ps(_mm512_srli_epi16(_mm512_castps_si512(bytes), 4)));
}
// Byte `i` of every lane, as a whole number of 0 to 255.
static inline Vec pick_byte(Vec bytes, int i) {
  return _mm512_castsi512_ps(_mm512_and_si512(
      _mm512_srli_epi32(_mm512_castps_si512(bytes), static_cast<unsigned>(8 * i)), _mm512_set1_epi32(255)));
}
static inline Vec load_halves(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
// The lowest byte of every lane.
static inline void store_low_bytes(uint8_t* p, Vec lanes) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_castps_si512(lanes)));
}

using Part = __m512i;
constexpr int kParts = 1;
static inline Part no_sum() { return _mm512_setzero_si512(); }
static inline Part load_part(const uint8_t* p) { return _mm512_loadu_si512(p); }
static inline Part broadcast_word(const float* p) { return _mm512_castps_si512(_mm512_set1_ps(*p)); }
static inline Part low_part(Part x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
static inline Part high_part(Part x) { return low_part(_mm512_srli_epi16(x, 4)); }

}  // namespace whorl::cpu::WHORL_ISA
