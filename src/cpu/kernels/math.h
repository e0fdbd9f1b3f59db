#pragma once
// What is built from the vector names alone: exp, loops with a tail.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

// exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; Taylor's series to r^7 / 7! leaves 5e-9.
// Below the smallest normal number the answer is 0 (so a masked score of -infinity weighs nothing);
// above the largest it stays finite. NaN stays NaN.
// Inlined by force: a call would pass vectors through memory.
static inline __attribute__((always_inline)) Vec exp(Vec x) {
  const Vec low = broadcast(-87.33654f), magic = broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds
  const Vec bounded = max(low, min(broadcast(88.72283f), x));
  const Vec biased = fma(bounded, broadcast(1.44269504f), magic);
  const Vec n = sub(biased, magic);
  Vec r = fma(n, broadcast(-0.693359375f), bounded);
  r = fma(n, broadcast(2.12194440e-4f), r);
  Vec p = broadcast(1.0f / 5040);
  p = fma(p, r, broadcast(1.0f / 720));
  p = fma(p, r, broadcast(1.0f / 120));
  p = fma(p, r, broadcast(1.0f / 24));
  p = fma(p, r, broadcast(1.0f / 6));
  p = fma(p, r, broadcast(0.5f));
  p = add(fma(p, mul(r, r), r), broadcast(1.0f));
  return zero_where_less(add_exponent(p, biased), x, low);
}

// body(offset, lanes) for every vector of n numbers; `lanes` < 16 at most once, at the end.
template <class Body>
static inline void for_vectors(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, int64_t{kLanes});
  if (i < n) body(i, n - i);
}

static inline Vec load_lanes(const float* p, int64_t lanes) {
  return lanes == kLanes ? load(p) : load_partial(p, lanes);
}
static inline void store_lanes(float* p, Vec v, int64_t lanes) {
  if (lanes == kLanes)
    store(p, v);
  else
    store_partial(p, v, lanes);
}

}  // namespace whorl::cpu::WHORL_ISA
