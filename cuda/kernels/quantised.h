#pragma once
// Products with weights of whole numbers: rows are rounded to int8, groups of 32 inputs sharing a scale, and
// the whole numbers of a group are summed exactly.
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

// One warp per group of a row: codes [N, groups, 32], the last group filled with zeros; scales [N, groups].
struct RoundRows {
  static constexpr int kThreads = 256, kWarps = kThreads / 32;
  Dense<const float> x;
  Global<int8_t> codes;
  Global<float> scales;
  int64_t inputs = 0, groups = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t row = grid.block(), group = static_cast<int64_t>(grid.block_y()) * kWarps + grid.warp();
    const int64_t k = group * 32 + grid.lane();
    const float value = k < inputs ? x.at(row, k) : 0.0f;
    const float most = warp_max(grid, fabsf(value));
    if (group >= groups) return;
    const float inverse = most > 0 ? 127.0f / most : 0.0f;
    codes[(row * groups + group) * 32 + grid.lane()] = static_cast<int8_t>(rintf(value * inverse));
    if (grid.lane() == 0) scales[row * groups + group] = most / 127.0f;
  }
};

// Four codes as one word.
WHORL_DEVICE int four(const Global<const int>& words, int64_t i) { return words[i]; }

// The sums over one group of code times code and, of nibbles, of the row's codes alone.
struct GroupSums {
  int products = 0, plain = 0;
};
struct Int8Group {
  static constexpr int kWords = 8;
  WHORL_DEVICE static GroupSums dot(const int (&w)[kWords], const int (&x)[8]) {
    GroupSums sums;
    for (int i = 0; i < 8; ++i) sums.products = dot4(w[i], x[i], sums.products);
    return sums;
  }
};
struct Int4Group {
  static constexpr int kWords = 4;
  WHORL_DEVICE static GroupSums dot(const int (&w)[kWords], const int (&x)[8]) {
    GroupSums sums;
    for (int i = 0; i < 4; ++i) {
      sums.products = dot4(w[i] & 0x0f0f0f0f, x[i], sums.products);
      sums.products = dot4((w[i] >> 4) & 0x0f0f0f0f, x[i + 4], sums.products);
      sums.plain = dot4(0x01010101, x[i], sums.plain), sums.plain = dot4(0x01010101, x[i + 4], sums.plain);
    }
    return sums;
  }
};

// y [N, O] = rounded x w^T + bias: a warp per output, lanes along the groups, eight rows share the weights
// that were read. The order of a row's additions is the lanes', whatever rows stand beside it.
template <class Group>
struct QuantisedGemm {
  static constexpr int kThreads = 256, kWarps = kThreads / 32, kRows = 8;
  Global<const int> weights, rows_codes;  // words of four codes
  Global<const uint16_t> scales,
      minima;  // minima may be null: nibbles hold code + 8, the eights are taken off
  Global<const float> row_scales, bias;
  Dense<float> y;
  int64_t rows = 0, outputs = 0, groups = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t o = static_cast<int64_t>(grid.block()) * kWarps + grid.warp();
    const int64_t row0 = static_cast<int64_t>(grid.block_y()) * kRows;
    if (o >= outputs) return;  // a whole warp
    const int count = static_cast<int>(rows - row0 < kRows ? rows - row0 : kRows);
    float sums[kRows] = {};
    for (int64_t g = grid.lane(); g < groups; g += 32) {
      int w[Group::kWords];
      for (int i = 0; i < Group::kWords; ++i) w[i] = four(weights, (o * groups + g) * Group::kWords + i);
      const float scale = half_bits_to_float(scales[o * groups + g]);
      const float least = minima ? half_bits_to_float(minima[o * groups + g]) : 0.0f;
      for (int r = 0; r < count; ++r) {
        const int64_t at = (row0 + r) * groups + g;
        int x[8];
        for (int i = 0; i < 8; ++i) x[i] = four(rows_codes, at * 8 + i);
        const GroupSums sum = Group::dot(w, x);
        const int products = sum.products - (minima ? 0 : 8 * sum.plain);
        sums[r] = fmaf(static_cast<float>(products), scale * row_scales[at], sums[r]);
        if (minima) sums[r] = fmaf(static_cast<float>(sum.plain), -least * row_scales[at], sums[r]);
      }
    }
    for (int r = 0; r < count; ++r) {
      const float sum = warp_sum(grid, sums[r]);
      if (grid.lane() == 0) y.row(row0 + r)[o] = bias ? sum + bias[o] : sum;
    }
  }
};

}  // namespace whorl::cuda
