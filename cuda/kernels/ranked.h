#pragma once
// The likeliest of a row of logits: the largest number, of equal ones the first.
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

struct Ranked {
  float value;
  int32_t id;
  WHORL_DEVICE bool before(const Ranked& other) const {
    return value > other.value || (value == other.value && id < other.id);
  }
};
constexpr int32_t kNoId = 0x7fffffff;
constexpr float kEndless = __builtin_inff();

// All lanes of a warp get the same.
WHORL_DEVICE Ranked best_of_warp(Grid& grid, Ranked best) {
  for (int mask = 16; mask > 0; mask /= 2) {
    const Ranked other{grid.shuffle_xor(best.value, mask), grid.shuffle_xor(best.id, mask)};
    if (other.before(best)) best = other;
  }
  return best;
}

// All threads of a block of as many warps as `values` and `ids` have elements get the same.
template <int Warps>
WHORL_DEVICE Ranked best_of_block(Grid& grid, Ranked best, const Shared<float>& values,
                                  const Shared<int32_t>& ids) {
  best = best_of_warp(grid, best);
  if (grid.lane() == 0) values[grid.warp()] = best.value, ids[grid.warp()] = best.id;
  grid.sync();
  for (int w = 0; w < Warps; ++w) {
    const Ranked other{values[w], ids[w]};
    if (other.before(best)) best = other;
  }
  return best;
}

}  // namespace whorl::cuda
