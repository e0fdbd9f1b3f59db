#include "ops/quantised_group.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"

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

void expect_codes(const QuantizedMatrix& w) {
  const auto check = [&](const char* name, const Tensor& x, DType dtype, int64_t columns) {
    base::check_argument(
        !x.empty() && x.dtype() == dtype && x.contiguous() && x.shape() == Shape{w.codes.dim(0), columns},
        "[pack_quantized] expected ", name, " ", name_of(dtype), " ", to_string({w.codes.dim(0), columns}),
        ", got ", x.empty() ? "nothing" : name_of(x.dtype()), " ", to_string(x.shape()));
  };
  const bool int8 = w.quantize == Quantize::int8;
  base::check_argument(w.quantize != Quantize::none, "[pack_quantized] expected int8 or int4, got none");
  base::check_argument(w.inputs > 0 && w.codes.shape().size() == 2 && w.codes.dim(0) > 0,
                       "[pack_quantized] expected codes of a matrix, got ", to_string(w.codes.shape()),
                       " and ", w.inputs, " inputs");
  base::check_argument(!int8 || w.minima.empty(), "[pack_quantized] int8 codes have no minima");
  const int64_t groups = (w.inputs + kQuantisedGroup - 1) / kQuantisedGroup;
  check("codes", w.codes, DType::uint8, int8 ? w.inputs : (w.inputs + 1) / 2);
  check("scales", w.scales, DType::float16, groups);
  if (!w.minima.empty()) check("minima", w.minima, DType::float16, groups);
  for (const Tensor* x : {&w.scales, &w.minima})
    for (int64_t i = 0; !x->empty() && i < x->numel(); ++i)
      base::check_argument((x->data<uint16_t>()[i] & 0x7c00) != 0x7c00, "[pack_quantized] expected finite ",
                           x == &w.scales ? "scales" : "minima", ", got NaN or Inf at ", i);
}

QuantizedRows rows_of(const QuantizedMatrix& w) {
  const auto copy = [](const Tensor& from, int64_t row, void* to) {
    const Tensor one = from.rows(row, row + 1);
    std::memcpy(to, one.raw(), one.nbytes());
  };
  return {w.quantize, w.codes.dim(0), w.inputs, !w.minima.empty(), [=](int64_t row, const QuantizedRow& to) {
            copy(w.codes, row, to.codes), copy(w.scales, row, to.scales);
            if (to.minima) copy(w.minima, row, to.minima);
          }};
}

QuantizedRows rounded_rows(const Tensor& w, Quantize quantize) {
  const int64_t k = w.dim(1);
  return {quantize, w.dim(0), k, false, [=](int64_t row, const QuantizedRow& to) {
            for (int64_t first = 0; first < k; first += kQuantisedGroup) {
              float x[kQuantisedGroup];
              const int64_t n = std::min(kQuantisedGroup, k - first), at = row * k + first;
              for (int64_t i = 0; i < n; ++i)
                x[i] = w.dtype() == DType::float32 ? w.data<float>()[at + i]
                                                   : bf16_to_float(w.data<uint16_t>()[at + i]);
              const RoundedGroup group = round_group(x, n, quantize);
              to.scales[first / kQuantisedGroup] = group.scale;
              for (int64_t i = 0; quantize == Quantize::int8 && i < n; ++i)
                to.codes[first + i] = static_cast<uint8_t>(group.codes[i]);
              for (int64_t i = 0; quantize == Quantize::int4 && i < n; i += 2)
                to.codes[(first + i) / 2] =
                    static_cast<uint8_t>((group.codes[i] + 8) | (group.codes[i + 1] + 8) << 4);
            }
          }};
}

}  // namespace whorl::ops
