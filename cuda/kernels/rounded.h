#pragma once
// Rows as products take them, beside the ones they are made of.
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

// Where rounded rows go: as bfloat16, as whole numbers with a scale for every group of 32, both or neither.
// Whoever makes a row's numbers hands them over on the way: no kernel of its own reads them again.
struct RoundedStore {
  Dense<uint16_t> narrow;  // without memory: not wanted
  Global<int8_t> codes;    // [N, groups, 32], the last group filled with zeros
  Global<float> scales;    // [N, groups]
  int64_t groups = 0;

  bool wanted() const { return narrow.data || codes; }

  // A group by a whole warp: lane i has number 32 * group + i, which is zero and not `inside` past the last.
  WHORL_DEVICE void operator()(Grid& grid, int64_t row, int64_t group, float value, bool inside) const {
    if (narrow.data && inside) narrow.row(row)[group * 32 + grid.lane()] = to_bfloat16(value);
    if (!codes) return;
    const float most = warp_max(grid, fabsf(value));
    const float inverse = most > 0 ? 127.0f / most : 0.0f;
    codes[(row * groups + group) * 32 + grid.lane()] = static_cast<int8_t>(rintf(value * inverse));
    if (grid.lane() == 0) scales[row * groups + group] = most / 127.0f;
  }
};

// Of rows that are there: one warp per group of a row.
struct RoundRows {
  static constexpr int kThreads = 256, kWarps = kThreads / 32;
  Dense<const float> x;
  RoundedStore rounded;
  int64_t columns = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t row = grid.block(), group = static_cast<int64_t>(grid.block_y()) * kWarps + grid.warp();
    if (group * 32 >= columns) return;  // a whole warp
    const int64_t c = group * 32 + grid.lane();
    rounded(grid, row, group, c < columns ? x.at(row, c) : 0.0f, c < columns);
  }
};

}  // namespace whorl::cuda
