#pragma once
// Sixteen floats in the compiler's own vector type: whatever the machine has, down to none. See
// vec_avx512.h for what the names mean. Here a fused multiply-add is two roundings.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

typedef float Vec __attribute__((vector_size(64)));
typedef int32_t Words __attribute__((vector_size(64)));
typedef uint32_t UnsignedWords __attribute__((vector_size(64)));
constexpr int kLanes = 16;
constexpr int kMaxRows = 2;
constexpr int64_t kBlockK =
    256;  // numbers of k that a product takes at once: a panel of them stays in the first-level cache
constexpr int64_t kStepsAhead = 0;     // the machine looks far enough ahead by itself
constexpr int64_t kWidenedPanels = 1;  // a panel fills the registers
constexpr int64_t kFewestRows = 4;     // of one panel each: so many sums keep the machine busy
constexpr int kTallRows = kMaxRows;

constexpr int max_vectors(int rows) { return rows == 1 ? 2 : 1; }

#define WHORL_INLINE static inline __attribute__((always_inline))

WHORL_INLINE Vec zero() { return Vec{}; }
WHORL_INLINE Vec broadcast(float x) { return x - Vec{}; }
WHORL_INLINE Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
WHORL_INLINE void store(float* p, Vec v) { __builtin_memcpy(p, &v, sizeof v); }
WHORL_INLINE Vec load_partial(const float* p, int64_t n) {
  Vec v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
WHORL_INLINE void store_partial(float* p, Vec v, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
WHORL_INLINE Vec add(Vec a, Vec b) { return a + b; }
WHORL_INLINE Vec sub(Vec a, Vec b) { return a - b; }
WHORL_INLINE Vec mul(Vec a, Vec b) { return a * b; }
WHORL_INLINE Vec div(Vec a, Vec b) { return a / b; }
WHORL_INLINE Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
WHORL_INLINE Vec sqrt(Vec a) {
  for (int i = 0; i < kLanes; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
WHORL_INLINE Vec min(Vec a, Vec b) { return a < b ? a : b; }
WHORL_INLINE Vec max(Vec a, Vec b) { return a > b ? a : b; }
WHORL_INLINE Vec zero_where_less(Vec value, Vec x, Vec bound) { return x < bound ? Vec{} : value; }
WHORL_INLINE Vec add_exponent(Vec value, Vec biased) {
  return reinterpret_cast<Vec>(reinterpret_cast<UnsignedWords>(value) +
                               (reinterpret_cast<UnsignedWords>(biased) << 23));
}
WHORL_INLINE void load_pairs(const uint32_t* p, Vec& even, Vec& odd) {
  UnsignedWords both;
  __builtin_memcpy(&both, p, sizeof both);
  even = reinterpret_cast<Vec>(both << 16);
  odd = reinterpret_cast<Vec>(both & 0xffff0000u);
}
WHORL_INLINE float reduce_add(Vec v) {
  float t[16];
  store(t, v);
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) t[i] += t[i + width];
  return t[0];
}

WHORL_INLINE float reduce_max(Vec v) {
  float t[16];
  store(t, v);
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) t[i] = t[i] > t[i + width] ? t[i] : t[i + width];
  return t[0];
}

WHORL_INLINE void transpose(Vec (&v)[16]) {
  float square[16][16];
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j) square[j][i] = v[i][j];
  for (int i = 0; i < 16; ++i) v[i] = load(square[i]);
}

}  // namespace whorl::cpu::WHORL_ISA
