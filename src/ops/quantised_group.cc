#include "ops/quantised_group.h"

#include <algorithm>
#include <cmath>

namespace whorl::ops {

namespace {
// To the nearest, ties to even; what is too large becomes the largest.
uint16_t float_to_half(float x) {
  const float size = std::min(std::abs(x), 65504.0f);
  const int sign = std::signbit(x) ? 0x8000 : 0;
  int exponent = 0;
  std::frexp(size, &exponent);
  exponent = std::max(exponent - 1, -14);
  const int parts = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));  // 2048 carries over
  const int bits = size < 0x1p-14f ? parts : ((exponent + 15) << 10) + parts - 1024;
  return static_cast<uint16_t>(sign | bits);
}

// The nearest codes in [least, most] for a scale as it is stored.
RoundedGroup with_scale(const float* x, int64_t n, uint16_t stored, int least, int most) {
  RoundedGroup made;
  made.scale = stored;
  const float scale = half_to_float(stored);
  for (int64_t i = 0; i < n; ++i) {
    const float code = scale == 0 ? 0.0f : std::nearbyint(x[i] / scale);
    made.codes[i] = static_cast<int>(std::clamp(code, static_cast<float>(least), static_cast<float>(most)));
    const double off = static_cast<double>(x[i]) - static_cast<double>(scale) * made.codes[i];
    made.error += off * off;
  }
  return made;
}

// The number of largest magnitude, with its sign.
float extreme(const float* x, int64_t n) {
  float found = 0;
  for (int64_t i = 0; i < n; ++i)
    if (std::abs(x[i]) > std::abs(found)) found = x[i];
  return found;
}
}  // namespace

RoundedGroup round_group(const float* x, int64_t n, Quantize quantize) {
  const float most = extreme(x, n);
  if (quantize == Quantize::int8) return with_scale(x, n, float_to_half(most / 127), -127, 127);
  // Codes reach one further below zero: the extreme becomes -8, or a little less is kept of it and more of
  // the rest.
  RoundedGroup best;
  best.error = -1;
  for (int step = -4; step <= 10; ++step) {
    const uint16_t scale = float_to_half(most / (-8.0f + 0.15f * static_cast<float>(step)));
    const RoundedGroup tried = with_scale(x, n, scale, -8, 7);
    if (best.error < 0 || tried.error < best.error) best = tried;
  }
  return best;
}

}  // namespace whorl::ops
