#include "cpu/quantised.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "cpu/checks.h"
#include "cpu/interleave.h"
#include "cpu/memory.h"

namespace whorl::cpu {

namespace {
// Codes of a row two by two become those of each group's first half beside those of its second. `zero` stands
// in for what would follow the last of k codes.
void split_halves(uint8_t* codes, int64_t k, int64_t groups, uint8_t zero) {
  if (k % 2 != 0) codes[k / 2] = static_cast<uint8_t>((codes[k / 2] & 15) | zero << 4);
  using Bytes = uint8_t __attribute__((vector_size(16)));
  for (int64_t group = 0; group < groups; ++group, codes += sizeof(Bytes)) {
    Bytes pairs;
    std::memcpy(&pairs, codes, sizeof pairs);
    const Bytes even = pairs & 15, odd = pairs >> 4;
    const Bytes first =
        __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const Bytes second =
        __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    pairs = first | second << 4;
    std::memcpy(codes, &pairs, sizeof pairs);
  }
}
}  // namespace

Shape QuantPanels::shape_of_codes() const {
  const int64_t bytes = quantize_ == ops::Quantize::int8 ? kGroup : kGroup / 2;
  return {panels(), groups(), bytes * kPanel};
}

QuantPanels::QuantPanels(const Tensor& codes, const Tensor& scales, const Tensor& minima, int64_t k,
                         int64_t columns)
    : k_(k), columns_(columns), codes_(codes), scales_(scales), minima_(minima) {
  const bool int8 = codes.shape().size() == 3 && codes.dim(2) == kGroup * kPanel;
  quantize_ = int8 ? ops::Quantize::int8 : ops::Quantize::int4;
  expect("from_parts", "codes", codes, shape_of_codes(), DType::uint8);
  expect("from_parts", "scales", scales, {panels(), groups(), kPanel}, DType::float16);
  if (!minima.empty()) expect("from_parts", "minima", minima, scales.shape(), DType::float16);
  base::check_argument(minima.empty() || !int8, "[from_parts] int8 codes have no minima");
}

void QuantPanels::allocate(bool minima) {
  codes_ = zeroed_tensor(DType::uint8, shape_of_codes());
  scales_ = zeroed_tensor(DType::float16, {panels(), groups(), kPanel});
  if (minima) minima_ = zeroed_tensor(DType::float16, {panels(), groups(), kPanel});
}

QuantPanels::QuantPanels(base::ThreadPool& pool, const ops::QuantizedRows& w)
    : quantize_(w.quantize), k_(w.inputs), columns_(w.outputs) {
  allocate(w.minima);
  pool.run(panels(), [&](int64_t panel) { fill_panel(w, panel, panel); });
}

QuantPanels::QuantPanels(ops::Quantize quantize, bool minima, int64_t k, int64_t columns)
    : quantize_(quantize), k_(k), columns_(columns) {
  allocate(minima);
}

// A panel's rows one after another, then turned all at once. Columns past the last and inputs past the end of
// a row stand for nothing: their codes are those of zero, their scales zero.
void QuantPanels::fill_panel(const ops::QuantizedRows& w, int64_t from, int64_t panel) const {
  const bool int8 = quantize_ == ops::Quantize::int8;
  const int64_t bytes = groups() * (int8 ? kGroup : kGroup / 2);
  thread_local std::vector<uint8_t> rows;
  thread_local std::vector<uint16_t> scales, minima;
  rows.assign(static_cast<size_t>(kPanel * bytes), int8 ? 0 : minima_.empty() ? 0x88 : 0);
  scales.resize(static_cast<size_t>(groups())), minima.resize(minima_.empty() ? 0 : scales.size());
  for (int64_t lane = 0; lane < kPanel; ++lane) {
    uint8_t* codes = rows.data() + lane * bytes;
    if (const int64_t row = from * kPanel + lane; row < w.outputs)
      w.read(row, {codes, scales.data(), minima_.empty() ? nullptr : minima.data()});
    else
      std::fill(scales.begin(), scales.end(), 0), std::fill(minima.begin(), minima.end(), 0);
    place(scales, panel, lane, scales_);
    if (!minima_.empty()) place(minima, panel, lane, minima_);
    if (int8)
      for (int64_t i = 0; i < bytes; ++i) codes[i] ^= 0x80;
    else
      split_halves(codes, k_, groups(), minima_.empty() ? 8 : 0);
  }
  interleave(rows.data(), bytes, 0, bytes / 4, codes_.data<uint8_t>() + panel * bytes * kPanel);
}

void QuantPanels::place(const std::vector<uint16_t>& row, int64_t panel, int64_t lane,
                        const Tensor& to) const {
  for (int64_t group = 0; group < groups(); ++group)
    to.data<uint16_t>()[(panel * groups() + group) * kPanel + lane] = row[static_cast<size_t>(group)];
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

// The same for a whole panel: its codes go back to rows first, then whole groups are widened.
void QuantPanels::copy_panel(int64_t panel, float* out) const {
  const bool wide = quantize_ == ops::Quantize::int8;
  const int64_t bytes = groups() * (wide ? kGroup : kGroup / 2);
  const int offset = wide ? 128 : minima_.empty() ? 8 : 0;
  thread_local std::vector<uint8_t> rows;
  rows.resize(static_cast<size_t>(kPanel * bytes));
  separate(codes_.data<uint8_t>() + panel * bytes * kPanel, bytes / 4, rows.data(), bytes);
  for (int64_t lane = 0; lane < kPanel; ++lane)
    for (int64_t group = 0; group < groups(); ++group) {
      const int64_t at = (panel * groups() + group) * kPanel + lane;
      const float scale = half_to_float(scales_.data<uint16_t>()[at]);
      const float minimum = minima_.empty() ? 0.0f : half_to_float(minima_.data<uint16_t>()[at]);
      const uint8_t* from = rows.data() + lane * bytes + group * (wide ? kGroup : kGroup / 2);
      float x[kGroup];
      for (int64_t i = 0; i < kGroup / 2; ++i) {
        const int low = wide ? from[i] : from[i] & 15, high = wide ? from[i + kGroup / 2] : from[i] >> 4;
        x[i] = scale * static_cast<float>(low - offset) - minimum;
        x[i + kGroup / 2] = scale * static_cast<float>(high - offset) - minimum;
      }
      const int64_t first = group * kGroup, n = std::min<int64_t>(kGroup, k_ - first);
      std::memcpy(out + lane * k_ + first, x, static_cast<size_t>(n) * sizeof(float));
    }
}

void QuantPanels::copy_columns(int64_t begin, int64_t end, float* out) const {
  for (int64_t column = begin; column < end;)
    if (column % kPanel == 0 && end - column >= kPanel) {
      copy_panel(column / kPanel, out + (column - begin) * k_);
      column += kPanel;
    } else {
      copy_column(column, out + (column - begin) * k_);
      ++column;
    }
}

}  // namespace whorl::cpu
