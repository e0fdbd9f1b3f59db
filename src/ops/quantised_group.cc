#include "ops/quantised_group.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace whorl::ops {

namespace {
// Nearest whole number, ties to the even one, for |x| < 2^22: what a float of this size keeps. Unlike
// nearbyint no call, so that the compiler takes several numbers at once.
constexpr float kShift = 12582912.0f;
float nearest(float x) { return (x + kShift) - kShift; }

// The first number of largest magnitude, with its sign. Magnitudes compare as their bits do, and whole
// numbers are compared several at once.
float extreme(const float* x, int64_t n) {
  int32_t most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::bit_cast<int32_t>(x[i]) & 0x7fffffff);
  for (int64_t i = 0; most > 0 && i < n; ++i)
    if ((std::bit_cast<int32_t>(x[i]) & 0x7fffffff) == most) return x[i];
  return 0;
}

// The nearest codes in [least, most] for a scale as it is stored; all 0 where the scale is.
void set_codes(const float* x, int64_t n, float least, float most, RoundedGroup& made) {
  const float scale = half_to_float(made.scale);
  if (scale == 0) return;
  for (int64_t i = 0; i < n; ++i)
    made.codes[i] = static_cast<int>(nearest(std::clamp(x[i] / scale, least, most)));
}

// Sixteen scales side by side, in vectors that the compiler cuts to what the machine has.
constexpr int kTried = 16, kLanes = 8;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Doubles = double __attribute__((vector_size(kLanes / 2 * sizeof(double))));

struct Tried {
  uint16_t stored[kTried];
  float scale[kTried], divisor[kTried];
  double error[kTried];
};

[[gnu::always_inline]] inline void widen(const Floats& x, Doubles& low, Doubles& high) {
  low = __builtin_convertvector(__builtin_shufflevector(x, x, 0, 1, 2, 3), Doubles);
  high = __builtin_convertvector(__builtin_shufflevector(x, x, 4, 5, 6, 7), Doubles);
}

// The squared errors of all scales, each summed in order of the numbers.
template <int kFirst>
[[gnu::always_inline]] inline void add_errors(const float* x, int64_t n, Tried& tried) {
  Floats divisor, scales;
  std::memcpy(&divisor, tried.divisor + kFirst, sizeof divisor);
  std::memcpy(&scales, tried.scale + kFirst, sizeof scales);
  Doubles low_scales, high_scales, low_codes, high_codes;
  widen(scales, low_scales, high_scales);
  const Floats least = Floats{} - 8.0f, most = Floats{} + 7.0f;
  Doubles low_errors{}, high_errors{};
  for (int64_t i = 0; i < n; ++i) {
    Floats code = x[i] / divisor;
    code = code < least ? least : code;
    code = code > most ? most : code;
    code = (code + kShift) - kShift;
    const auto wide = static_cast<double>(x[i]);
    widen(code, low_codes, high_codes);
    const Doubles a = wide - low_scales * low_codes, b = wide - high_scales * high_codes;
    low_errors += a * a, high_errors += b * b;
  }
  std::memcpy(tried.error + kFirst, &low_errors, sizeof low_errors);
  std::memcpy(tried.error + kFirst + kLanes / 2, &high_errors, sizeof high_errors);
}

void set_errors(const float* x, int64_t n, Tried& tried) {
  add_errors<0>(x, n, tried), add_errors<kLanes>(x, n, tried);
}
#if defined(__x86_64__)
[[gnu::target("avx2")]] void set_errors_avx2(const float* x, int64_t n, Tried& tried) {
  add_errors<0>(x, n, tried), add_errors<kLanes>(x, n, tried);
}
bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}
#endif

// Of a few scales the one with the least squared error, the first where several have it.
uint16_t best_scale(const float* x, int64_t n, float most) {
  Tried tried;
  for (int t = 0; t < kTried; ++t) {
    // Codes reach one further below zero: the extreme becomes -8, or a little less is kept of it and more of
    // the rest. The last is the first once more: it fills the vector.
    const int step = t == kTried - 1 ? -4 : t - 4;
    tried.stored[t] = float_to_half(most / (-8.0f + 0.15f * static_cast<float>(step)));
    tried.scale[t] = half_to_float(tried.stored[t]);
    tried.divisor[t] = tried.scale[t] == 0 ? std::numeric_limits<float>::infinity() : tried.scale[t];
  }
#if defined(__x86_64__)
  has_avx2() ? set_errors_avx2(x, n, tried) : set_errors(x, n, tried);
#else
  set_errors(x, n, tried);
#endif
  return tried.stored[std::min_element(tried.error, tried.error + kTried) - tried.error];
}
}  // namespace

RoundedGroup round_group(const float* x, int64_t n, Quantize quantize) {
  const float most = extreme(x, n);
  RoundedGroup made;
  if (quantize == Quantize::int8) {
    made.scale = float_to_half(most / 127);
    set_codes(x, n, -127, 127, made);
  } else {
    made.scale = best_scale(x, n, most);
    set_codes(x, n, -8, 7, made);
  }
  return made;
}

}  // namespace whorl::ops
