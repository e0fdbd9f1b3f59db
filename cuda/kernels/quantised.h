#pragma once
// Rows beside weights of whole numbers (quantised_product.h): rounded to int8, groups of 32 inputs sharing a
// scale.
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

}  // namespace whorl::cuda
