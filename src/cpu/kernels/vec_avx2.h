#pragma once
// Sixteen floats in two AVX2 registers; see vec_avx512.h for what the names mean.
#include <immintrin.h>

#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

struct Vec {
  __m256 a, b;
};
constexpr int kLanes = 16;
constexpr int kMaxRows = 6;  // 6 rows x 2 registers = 12 of 16 accumulate
constexpr int64_t kBlockK =
    256;  // numbers of k that a product takes at once: a panel of them stays in the first-level cache
constexpr int64_t kStepsAhead = 0;     // the machine looks far enough ahead by itself
constexpr int64_t kWidenedPanels = 1;  // a panel fills the registers
constexpr int64_t kFewestRows = 4;     // of one panel each: so many sums keep the machine busy
constexpr int kTallRows = kMaxRows;

constexpr int max_vectors(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }

static inline Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
static inline Vec broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
static inline Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
static inline void store(float* p, Vec v) {
  _mm256_storeu_ps(p, v.a);
  _mm256_storeu_ps(p + 8, v.b);
}
static inline __m256i first_lanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline Vec load_partial(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, first_lanes(n)), _mm256_maskload_ps(p + 8, first_lanes(n - 8))};
}
static inline void store_partial(float* p, Vec v, int64_t n) {
  _mm256_maskstore_ps(p, first_lanes(n), v.a);
  _mm256_maskstore_ps(p + 8, first_lanes(n - 8), v.b);
}

static inline Vec add(Vec x, Vec y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
static inline Vec sub(Vec x, Vec y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
static inline Vec mul(Vec x, Vec y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
static inline Vec div(Vec x, Vec y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
static inline Vec fma(Vec x, Vec y, Vec z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
static inline Vec sqrt(Vec x) { return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
static inline Vec min(Vec x, Vec y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
static inline Vec max(Vec x, Vec y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
static inline Vec zero_where_less(Vec value, Vec x, Vec bound) {
  return {_mm256_andnot_ps(_mm256_cmp_ps(x.a, bound.a, _CMP_LT_OQ), value.a),
          _mm256_andnot_ps(_mm256_cmp_ps(x.b, bound.b, _CMP_LT_OQ), value.b)};
}
static inline __m256 add_exponent_half(__m256 value, __m256 biased) {
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(value), _mm256_slli_epi32(_mm256_castps_si256(biased), 23)));
}
static inline Vec add_exponent(Vec value, Vec biased) {
  return {add_exponent_half(value.a, biased.a), add_exponent_half(value.b, biased.b)};
}
static inline void load_pairs(const uint32_t* p, Vec& even, Vec& odd) {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8));
  const __m256i high = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  even = {_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
  odd = {_mm256_castsi256_ps(_mm256_and_si256(a, high)), _mm256_castsi256_ps(_mm256_and_si256(b, high))};
}

static inline float reduce_add(Vec v) {
  const __m256 eight = _mm256_add_ps(v.a, v.b);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
static inline float reduce_max(Vec v) {
  const __m256 eight = _mm256_max_ps(v.a, v.b);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// One 8 x 8 block.
static inline void transpose_block(__m256 (&r)[8]) {
  __m256 t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
    const __m256 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]), d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
    t[i] = _mm256_shuffle_ps(a, c, 0x44);
    t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
    t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
    t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
    r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
  }
}

static inline void transpose(Vec (&v)[16]) {
  __m256 p[8], q[8], r[8], s[8];
  for (int i = 0; i < 8; ++i) p[i] = v[i].a, q[i] = v[i].b, r[i] = v[i + 8].a, s[i] = v[i + 8].b;
  transpose_block(p);
  transpose_block(q);
  transpose_block(r);
  transpose_block(s);
  for (int i = 0; i < 8; ++i) v[i] = {p[i], r[i]}, v[i + 8] = {q[i], s[i]};
}

}  // namespace whorl::cpu::WHORL_ISA
