#pragma once
// Rows become FP8 E4M3 (ops/fp8.h) where they are made, by whoever has a block for each: a row's largest
// number must be known before the first code.
#include "cuda/kernels/fours.h"
#include "ops/fp8.h"

namespace whorl::cuda {

// body(column, how many of the four from there on are there), by all lanes of each warp: those of `size`
// numbers that belong to a thread of a block of `Warps` warps, or to a lane of every warp.
template <int Warps, class Body>
WHORL_DEVICE void each_four(const Grid& grid, int64_t size, bool alone, const Body& body) {
  const int64_t step = alone ? 128 : 128 * Warps;
  for (int64_t begin = alone ? 0 : 128 * grid.warp(); begin < size; begin += step)
    body(begin + 4 * grid.lane(), size - begin - 4 * grid.lane());
}

struct Fp8Store {
  Global<uint32_t> codes;  // [N, stride / 4]; null: nothing is wanted
  Global<float> scales;    // [N]
  int64_t stride = 0;      // a multiple of four; codes past the last column are zeros

  explicit operator bool() const { return static_cast<bool>(codes); }
  WHORL_DEVICE bool wanted() const { return static_cast<bool>(codes); }

  // NaN is no size, and will be NaN as a code.
  static WHORL_DEVICE float larger(float most, const Four& value) {
    for (int j = 0; j < 4; ++j) most = fabsf(value.x[j]) > most ? fabsf(value.x[j]) : most;
    return most;
  }

  // By all threads of a block of `Warps` warps. `most`: the largest size among the numbers of each_four that
  // are this thread's; value(column): four of those again, zeros past the row's end. `room` has Warps
  // elements.
  template <int Warps, class Value>
  WHORL_DEVICE void put(Grid& grid, int64_t row, float most, const Shared<float>& room,
                        const Value& value) const {
    const float scale = ops::fp8_scale(block_max<Warps>(grid, most, room)), inverse = 1.0f / scale;
    each_four<Warps>(grid, stride, false, [&](int64_t c, int64_t left) {
      if (left <= 0) return;
      const Four four = value(c);
      uint32_t word = 0;
      for (int j = 0; j < 4; ++j) word |= static_cast<uint32_t>(ops::fp8_code(four.x[j], inverse)) << 8 * j;
      codes[(row * stride + c) / 4] = word;
    });
    if (grid.thread() == 0) scales[row] = scale;
  }
};

}  // namespace whorl::cuda
