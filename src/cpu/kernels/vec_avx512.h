#pragma once
// Sixteen floats in one AVX-512 register. Every instruction set offers these names in its own namespace;
// the kernels are written over them once. No std:: here: an inline function of the standard library that is
// compiled with these flags could be the copy that the linker keeps for everybody.
#include <immintrin.h>

#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

using Vec = __m512;
constexpr int kLanes = 16;
constexpr int kMaxRows = 12;  // 12 rows x 2 vectors = 24 of the 32 registers accumulate
// Numbers of k that a product takes at once: a panel of them stays in the first-level cache.
constexpr int64_t kBlockK = 512;
// Steps of weights that are asked for before their turn: 2 KB of a panel, measured.
constexpr int64_t kStepsAhead = 32;
// Widened panels that many rows meet together: two vectors of columns share a row's number.
constexpr int64_t kWidenedPanels = 4;
constexpr int64_t kFewestRows = 8;  // of one vector each: so many sums keep the machine busy
constexpr int kTallRows = 16;       // so many streams meet each weight once, one vector at a time
constexpr int kRowsAtFour = 6;

// Vectors per row that keep the accumulators of `rows` rows in registers.
constexpr int max_vectors(int rows) {
  return rows == 1 ? 8 : rows <= kRowsAtFour ? 4 : rows <= kMaxRows ? 2 : 1;
}

static inline Vec zero() { return _mm512_setzero_ps(); }
static inline Vec broadcast(float x) { return _mm512_set1_ps(x); }
static inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
static inline void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
static inline __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
static inline Vec load_partial(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
static inline void store_partial(float* p, Vec v, int64_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), v); }

static inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
static inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
static inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
static inline Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
static inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline Vec sqrt(Vec a) { return _mm512_sqrt_ps(a); }
// A NaN in the second operand is passed on.
static inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
static inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
// value, but 0 in the lanes where x < bound.
static inline Vec zero_where_less(Vec value, Vec x, Vec bound) {
  return _mm512_mask_mov_ps(value, _mm512_cmp_ps_mask(x, bound, _CMP_LT_OQ), _mm512_setzero_ps());
}
// value * 2^n where the low bits of `biased` hold n.
static inline Vec add_exponent(Vec value, Vec biased) {
  return _mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_castps_si512(value), _mm512_slli_epi32(_mm512_castps_si512(biased), 23)));
}
// Sixteen 32-bit words, each two bfloat16: the low half is the even one.
static inline void load_pairs(const uint32_t* p, Vec& even, Vec& odd) {
  const __m512i both = _mm512_loadu_si512(p);
  even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
  odd = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}

// Halves added to halves: a tree that never changes.
static inline float reduce_add(Vec v) { return _mm512_reduce_add_ps(v); }
static inline float reduce_max(Vec v) { return _mm512_reduce_max_ps(v); }

// out[i] lane j = in[j] lane i.
static inline void transpose(Vec (&v)[16]) {
  Vec t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4) {
    const Vec a = _mm512_unpacklo_ps(v[i], v[i + 1]), b = _mm512_unpackhi_ps(v[i], v[i + 1]);
    const Vec c = _mm512_unpacklo_ps(v[i + 2], v[i + 3]), d = _mm512_unpackhi_ps(v[i + 2], v[i + 3]);
    t[i] = _mm512_shuffle_ps(a, c, 0x44);
    t[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
    t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
    t[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; ++i) {
    const Vec a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88), b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
    const Vec c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88),
              d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
    v[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    v[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
    v[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
    v[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
}

}  // namespace whorl::cpu::WHORL_ISA
