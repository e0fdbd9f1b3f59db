#include "cpu/quantised.h"

#include <algorithm>
#include <cmath>

#include "cpu/memory.h"

namespace whorl::cpu {

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

struct Rounded {
  int codes[kGroup];
  double error = 0;
};

// The nearest codes in [least, most] for a scale as it is stored.
Rounded round_group(const float* x, int64_t n, float scale, int least, int most) {
  Rounded made{};
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

uint16_t best_scale(const float* x, int64_t n, ops::Quantize quantize, Rounded& best) {
  const float most = extreme(x, n);
  if (quantize == ops::Quantize::int8) {
    const uint16_t scale = float_to_half(most / 127);
    best = round_group(x, n, half_to_float(scale), -127, 127);
    return scale;
  }
  // Codes reach one further below zero: the extreme becomes -8, or a little less is kept of it and more of
  // the rest.
  uint16_t chosen = 0;
  best.error = -1;
  for (int step = -4; step <= 10; ++step) {
    const uint16_t scale = float_to_half(most / (-8.0f + 0.15f * static_cast<float>(step)));
    const Rounded tried = round_group(x, n, half_to_float(scale), -8, 7);
    if (best.error >= 0 && tried.error >= best.error) continue;
    best = tried, chosen = scale;
  }
  return chosen;
}
}  // namespace

QuantPanels::QuantPanels(base::ThreadPool& pool, const Tensor& w, ops::Quantize quantize)
    : quantize_(quantize), k_(w.dim(1)), columns_(w.dim(0)) {
  const int64_t bytes = quantize == ops::Quantize::int8 ? kGroup : kGroup / 2;
  codes_ = zeroed_tensor(DType::uint8, {panels(), groups(), bytes * kPanel});
  scales_ = zeroed_tensor(DType::float16, {panels(), groups(), kPanel});
  pool.run(panels(), [&](int64_t panel) { fill_panel(w, panel); });
}

void QuantPanels::place(int64_t panel, int64_t group, int64_t lane, const int (&codes)[kGroup],
                        uint16_t scale) {
  const int64_t block = panel * groups() + group;
  scales_.data<uint16_t>()[block * kPanel + lane] = scale;
  const auto at = [&](int64_t k) { return k / 4 * 4 * kPanel + lane * 4 + k % 4; };
  if (quantize_ == ops::Quantize::int8) {
    uint8_t* to = codes_.data<uint8_t>() + block * kGroup * kPanel;
    for (int64_t k = 0; k < kGroup; ++k) to[at(k)] = static_cast<uint8_t>(codes[k] + 128);
  } else {
    uint8_t* to = codes_.data<uint8_t>() + block * kGroup / 2 * kPanel;
    for (int64_t k = 0; k < kGroup / 2; ++k)
      to[at(k)] = static_cast<uint8_t>((codes[k] + 8) | (codes[k + kGroup / 2] + 8) << 4);
  }
}

void QuantPanels::fill_panel(const Tensor& w, int64_t panel) {
  constexpr int kNone[kGroup] = {};
  for (int64_t lane = 0; lane < kPanel; ++lane) {
    const int64_t column = panel * kPanel + lane;
    for (int64_t group = 0; group < groups(); ++group) {
      if (column >= columns_) {
        place(panel, group, lane, kNone, 0);
        continue;
      }
      float x[kGroup];
      const int64_t first = column * k_ + group * kGroup, n = std::min<int64_t>(kGroup, k_ - group * kGroup);
      for (int64_t i = 0; i < n; ++i)
        x[i] = w.dtype() == DType::float32 ? w.data<float>()[first + i]
                                           : bf16_to_float(w.data<uint16_t>()[first + i]);
      Rounded rounded{};
      const uint16_t scale = best_scale(x, n, quantize_, rounded);
      place(panel, group, lane, rounded.codes, scale);
    }
  }
}

void QuantPanels::copy_column(int64_t column, float* out) const {
  const int64_t panel = column / kPanel, lane = column % kPanel;
  const bool wide = quantize_ == ops::Quantize::int8;
  for (int64_t k = 0; k < k_; ++k) {
    const int64_t block = panel * groups() + k / kGroup, in = k % kGroup;
    const int64_t word = wide ? in : in % (kGroup / 2);
    const uint8_t byte =
        codes()[block * (wide ? kGroup : kGroup / 2) * kPanel + word / 4 * 4 * kPanel + lane * 4 + word % 4];
    const int code = wide ? byte - 128 : (in < kGroup / 2 ? byte & 15 : byte >> 4) - 8;
    out[k] = half_to_float(scales()[block * kPanel + lane]) * static_cast<float>(code);
  }
}

}  // namespace whorl::cpu
