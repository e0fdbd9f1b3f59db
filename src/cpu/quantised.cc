#include "cpu/quantised.h"

#include <algorithm>

#include "cpu/memory.h"
#include "ops/quantised_group.h"

namespace whorl::cpu {

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
      const ops::RoundedGroup rounded = ops::round_group(x, n, quantize_);
      place(panel, group, lane, rounded.codes, rounded.scale);
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
