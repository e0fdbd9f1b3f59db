#pragma once
// Rows as products take them, beside the ones they are made of.
#include "cuda/kernels/fp8_store.h"

namespace whorl::cuda {

// Where rounded rows go: as bfloat16, as whole numbers with a scale for every group of 32, as FP8, some or
// none of these. Whoever makes a row's numbers hands them over on the way: no kernel of its own reads them
// again.
struct RoundedStore {
  Dense<uint16_t> narrow;  // without memory: not wanted
  Global<int8_t> codes;    // [N, groups, 32], the last group filled with zeros
  Global<float> scales;    // [N, groups]
  int64_t groups = 0;
  Fp8Store fp8;  // what follows leaves that out

  bool wanted() const { return narrow.data || codes || fp8; }

  // Four neighbours a lane, by a whole warp: lane i has those from column 4 * i on of the warp's, of which a
  // row has `columns`. Numbers past the last are zero.
  WHORL_DEVICE void operator()(Grid& grid, int64_t row, int64_t column, int64_t columns,
                               const Four& value) const {
    // Rows are a multiple of eight numbers apart.
    if (narrow.data && column < columns)
      put_numbers<true>(narrow.data, row * narrow.stride + column, 4, value);
    if (!codes) return;
    float most = 0;
    for (int j = 0; j < 4; ++j) most = fmaxf(most, fabsf(value.x[j]));
    for (int mask = 1; mask < 8; mask *= 2) most = fmaxf(most, grid.shuffle_xor(most, mask));
    const int64_t group = column / 32;
    if (group >= groups) return;
    const float inverse = most > 0 ? 127.0f / most : 0.0f;
    FourNumbers<int8_t> kept;
    for (int j = 0; j < 4; ++j) kept.x[j] = static_cast<int8_t>(rintf(value.x[j] * inverse));
    Global<FourNumbers<int8_t>>(reinterpret_cast<FourNumbers<int8_t>*>(
        codes.raw()))[((row * groups + group) * 32 + column % 32) / 4] = kept;
    if (column % 32 == 0) scales[row * groups + group] = most / 127.0f;
  }
};

// A thread has four neighbours of a row: block() is the row, block_y() a piece of 1024 columns.
struct EachFour {
  static constexpr int kWarps = 8, kThreads = 32 * kWarps, kColumns = 4 * kThreads;
  static constexpr int64_t kShared = shared_size(kWarps * 4);  // of whole rows
  int64_t columns = 0;
  WHORL_DEVICE int64_t column(const Grid& grid) const {
    return static_cast<int64_t>(grid.block_y()) * kColumns + 4 * grid.thread();
  }
  WHORL_DEVICE bool warp_is_past(const Grid& grid) const { return column(grid) - 4 * grid.lane() >= columns; }

  // Where FP8 is wanted the block has a whole row: make(column, left) makes four numbers of it and puts them
  // where they belong, again(column, left) has them again.
  template <class Make, class Again>
  WHORL_DEVICE void whole_row(Grid& grid, const RoundedStore& rounded, const Make& make,
                              const Again& again) const {
    const auto room = grid.shared<float>(kWarps);
    const int64_t row = grid.block();
    float most = 0;
    each_four<kWarps>(grid, columns, false, [&](int64_t c, int64_t left) {
      const Four value = left > 0 ? make(c, left) : Four{};
      rounded(grid, row, c, columns, value);
      most = Fp8Store::larger(most, value);
    });
    rounded.fp8.put<kWarps>(grid, row, most, room,
                            [&](int64_t c) { return c < columns ? again(c, columns - c) : Four{}; });
  }
};

// Of rows that are there.
struct RoundRows : EachFour {
  EitherRows x;
  RoundedStore rounded;

  WHORL_DEVICE void operator()(Grid& grid) const {
    columns % 4 == 0 && in_fours(x) ? run<true>(grid) : run<false>(grid);
  }

 private:
  template <bool Together>
  WHORL_DEVICE void run(Grid& grid) const {
    const int64_t row = grid.block(), c = column(grid);
    const auto there = [&](int64_t at, int64_t left) { return four_of<Together>(x, row, at, left); };
    if (rounded.fp8.wanted()) return whole_row(grid, rounded, there, there);
    if (warp_is_past(grid)) return;
    rounded(grid, row, c, columns, c < columns ? there(c, columns - c) : Four{});
  }
};

}  // namespace whorl::cuda
