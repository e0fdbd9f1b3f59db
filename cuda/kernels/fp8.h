#pragma once
// Rows become FP8 E4M3 (ops/fp8.h), codes change places, and what comes behind sums of codes.
#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/fp8_rows.h"
#include "ops/fp8.h"

namespace whorl::cuda {

// Rows of x, each number times the factor of its column, rounded: a block has a row, a thread four
// neighbours.
struct RoundToFp8 {
  static constexpr int kWarps = 8, kThreads = 32 * kWarps;
  static constexpr int64_t kShared = shared_size(kWarps * 4);
  EitherRows x;
  Global<const float> factors;
  Fp8Store to;
  int64_t columns = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    columns % 4 == 0 && in_fours(x) && in_fours(factors, 0) ? run<true>(grid) : run<false>(grid);
  }

 private:
  template <bool Together>
  WHORL_DEVICE void run(Grid& grid) const {
    const auto room = grid.shared<float>(kWarps);
    const int64_t row = grid.block();
    const auto value = [&](int64_t c) {
      if (c >= columns) return Four{};
      Four out = four_of<Together>(x, row, c, columns - c);
      const Four times = Fours<Together>(factors)(c, columns - c);
      for (int j = 0; j < 4; ++j) out.x[j] *= times.x[j];
      return out;
    };
    float most = 0;
    each_four<kWarps>(grid, columns, false,
                      [&](int64_t c, int64_t) { most = Fp8Store::larger(most, value(c)); });
    to.put<kWarps>(grid, row, most, room, value);
  }
};

// to [columns, stride] = from [rows, columns] turned, zeros past the last row. Block (x, y): a tile of both.
struct TurnCodes {
  static constexpr int kThreads = 256, kTile = 32, kPitch = kTile + 4;
  static constexpr int64_t kShared = shared_size(kTile * kPitch);
  Fp8Rows from;
  Global<uint8_t> to;
  int64_t rows = 0, columns = 0, stride = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto tile = grid.shared<uint8_t>(kTile * kPitch);
    const int64_t row0 = static_cast<int64_t>(grid.block()) * kTile,
                  column0 = static_cast<int64_t>(grid.block_y()) * kTile;
    for (int i = grid.warp(); i < kTile; i += kThreads / 32) {
      const int64_t row = row0 + i, column = column0 + grid.lane();
      tile[i * kPitch + grid.lane()] =
          row < rows && column < columns ? from.codes[row * from.stride + column] : uint8_t{0};
    }
    grid.sync();
    for (int i = grid.warp(); i < kTile; i += kThreads / 32) {
      const int64_t column = column0 + i, row = row0 + grid.lane();
      if (column < columns && row < stride) to[column * stride + row] = tile[grid.lane() * kPitch + i];
    }
  }
};

// y = (or +=) sums of codes times the scales of their row and column, + bias + residual. y may be where the
// sums are.
struct FinishSums : EachElement {
  Dense<const float> sums;
  Global<const float> row_scales, column_scales, bias;  // the last two may be null, like the residual
  Dense<const float> residual;
  EitherOut y;
  bool accumulate = false;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t i = grid.block(), c = column(grid);
    if (c >= columns) return;
    float value = sums.at(i, c) * row_scales[i];
    if (column_scales) value *= column_scales[c];
    if (bias) value += bias[c];
    if (residual.data) value += residual.at(i, c);
    y.put(i, c, accumulate ? y.at(i, c) + value : value);
  }
};

}  // namespace whorl::cuda
