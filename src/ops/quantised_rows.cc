// Rounded matrices row by row, and what is asked of whole ones.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "ops/quantised_group.h"

namespace whorl::ops {

void expect_codes(const QuantizedMatrix& w) {
  const auto check = [&](const char* name, const Tensor& x, DType dtype, int64_t columns) {
    base::check_argument(
        !x.empty() && x.dtype() == dtype && x.contiguous() && x.shape() == Shape{w.codes.dim(0), columns},
        "[pack_quantized] expected ", name, " ", name_of(dtype), " ", to_string({w.codes.dim(0), columns}),
        ", got ", x.empty() ? "nothing" : name_of(x.dtype()), " ", to_string(x.shape()));
  };
  const bool int8 = w.quantize == Quantize::int8;
  base::check_argument(int8 || w.quantize == Quantize::int4, "[pack_quantized] expected int8 or int4, got ",
                       w.quantize == Quantize::fp8 ? "fp8" : "none");
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
