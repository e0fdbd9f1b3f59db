#include "cpu/quantised.h"

#include <algorithm>

#include "cpu/memory.h"
#include "ops/quantised_group.h"

namespace whorl::cpu {

void QuantPanels::allocate(bool minima) {
  const int64_t bytes = quantize_ == ops::Quantize::int8 ? kGroup : kGroup / 2;
  codes_ = zeroed_tensor(DType::uint8, {panels(), groups(), bytes * kPanel});
  scales_ = zeroed_tensor(DType::float16, {panels(), groups(), kPanel});
  if (minima) minima_ = zeroed_tensor(DType::float16, {panels(), groups(), kPanel});
}

QuantPanels::QuantPanels(base::ThreadPool& pool, const Tensor& w, ops::Quantize quantize)
    : quantize_(quantize), k_(w.dim(1)), columns_(w.dim(0)) {
  allocate(false);
  pool.run(panels(), [&](int64_t panel) { fill_panel(w, panel); });
}

QuantPanels::QuantPanels(base::ThreadPool& pool, const ops::QuantizedMatrix& w)
    : quantize_(w.quantize), k_(w.inputs), columns_(w.codes.dim(0)) {
  allocate(!w.minima.empty());
  pool.run(panels(), [&](int64_t panel) { copy_panel(w, panel); });
}

void QuantPanels::place(int64_t panel, int64_t group, int64_t lane, const uint8_t (&stored)[kGroup],
                        uint16_t scale) {
  const int64_t block = panel * groups() + group;
  scales_.data<uint16_t>()[block * kPanel + lane] = scale;
  const auto at = [&](int64_t k) { return k / 4 * 4 * kPanel + lane * 4 + k % 4; };
  if (quantize_ == ops::Quantize::int8) {
    uint8_t* to = codes_.data<uint8_t>() + block * kGroup * kPanel;
    for (int64_t k = 0; k < kGroup; ++k) to[at(k)] = stored[k];
  } else {
    uint8_t* to = codes_.data<uint8_t>() + block * kGroup / 2 * kPanel;
    for (int64_t k = 0; k < kGroup / 2; ++k)
      to[at(k)] = static_cast<uint8_t>(stored[k] | stored[k + kGroup / 2] << 4);
  }
}

// Columns past the last and inputs past the end of a row stand for nothing: their codes are those of zero,
// their scales zero.
void QuantPanels::fill_panel(const Tensor& w, int64_t panel) {
  const int offset = quantize_ == ops::Quantize::int8 ? 128 : 8;
  for (int64_t lane = 0; lane < kPanel; ++lane) {
    const int64_t column = panel * kPanel + lane;
    for (int64_t group = 0; group < groups(); ++group) {
      ops::RoundedGroup rounded;
      if (column < columns_) {
        float x[kGroup];
        const int64_t first = column * k_ + group * kGroup,
                      n = std::min<int64_t>(kGroup, k_ - group * kGroup);
        for (int64_t i = 0; i < n; ++i)
          x[i] = w.dtype() == DType::float32 ? w.data<float>()[first + i]
                                             : bf16_to_float(w.data<uint16_t>()[first + i]);
        rounded = ops::round_group(x, n, quantize_);
      }
      uint8_t stored[kGroup];
      for (int64_t i = 0; i < kGroup; ++i) stored[i] = static_cast<uint8_t>(rounded.codes[i] + offset);
      place(panel, group, lane, stored, rounded.scale);
    }
  }
}

void QuantPanels::copy_panel(const ops::QuantizedMatrix& w, int64_t panel) {
  const bool int8 = quantize_ == ops::Quantize::int8;
  const uint8_t zero = int8 ? 128 : minima_.empty() ? 8 : 0;
  for (int64_t lane = 0; lane < kPanel; ++lane) {
    const int64_t column = panel * kPanel + lane;
    for (int64_t group = 0; group < groups(); ++group) {
      uint8_t stored[kGroup];
      std::fill_n(stored, kGroup, zero);
      if (column >= columns_) {
        place(panel, group, lane, stored, 0);
        continue;
      }
      const uint8_t* row = w.codes.data<uint8_t>() + column * w.codes.dim(1);
      for (int64_t i = 0; i < std::min<int64_t>(kGroup, k_ - group * kGroup); ++i) {
        const int64_t k = group * kGroup + i;
        stored[i] = int8 ? row[k] ^ 0x80 : row[k / 2] >> k % 2 * 4 & 15;
      }
      const int64_t at = column * groups() + group;
      place(panel, group, lane, stored, w.scales.data<uint16_t>()[at]);
      if (!minima_.empty())
        minima_.data<uint16_t>()[(panel * groups() + group) * kPanel + lane] = w.minima.data<uint16_t>()[at];
    }
  }
}

void QuantPanels::copy_column(int64_t column, float* out) const {
  const int64_t panel = column / kPanel, lane = column % kPanel;
  const bool wide = quantize_ == ops::Quantize::int8;
  const int offset = wide ? 128 : minima_.empty() ? 8 : 0;
  for (int64_t group = 0; group < groups(); ++group) {
    const int64_t block = panel * groups() + group;
    const uint8_t* from = codes_.data<uint8_t>() + block * (wide ? kGroup : kGroup / 2) * kPanel + lane * 4;
    const float scale = half_to_float(scales_.data<uint16_t>()[block * kPanel + lane]);
    const float minimum =
        minima_.empty() ? 0.0f : half_to_float(minima_.data<uint16_t>()[block * kPanel + lane]);
    for (int64_t in = 0; in < std::min<int64_t>(kGroup, k_ - group * kGroup); ++in) {
      const int64_t word = wide ? in : in % (kGroup / 2);
      const uint8_t byte = from[word / 4 * 4 * kPanel + word % 4];
      const int code = (wide ? byte : in < kGroup / 2 ? byte & 15 : byte >> 4) - offset;
      out[group * kGroup + in] = scale * static_cast<float>(code) - minimum;
    }
  }
}

}  // namespace whorl::cpu
