#include "ops/quantised_group.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace whorl::ops {

namespace {
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

// Here, because a backend that is a library of its own holds this file and not the other.
Weight Backend::pack_quantized(const QuantizedMatrix&) {
  base::invalid("[pack_quantized] the backend ", name(),
                " takes no codes; load with quantize 'none', 'int8' or 'int4'");
}

}  // namespace whorl::ops
