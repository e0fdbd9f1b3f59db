#pragma once
// c [m, n] (+)= alpha * sum over r of a(m, r) b(n, r) + bias + residual, for every layout and stored type:
// what an element is, its operand says. Each output is one thread's sum in ascending r, so a row's bits do
// not depend on the rows beside it. It stands in where NVIDIA's library has no answer, and does the small
// products.
#include "cuda/kernels/matrix.h"
#include "ops/dropout.h"

namespace whorl::cuda {

// Rows of storage are m (or n), its columns are reduced over; neighbours in r lie together.
template <class Storage>
struct AlongRows {
  static constexpr bool kReducesAlongRows = true;
  Storage storage;
  WHORL_DEVICE float at(int64_t i, int64_t r) const { return storage.at(i, r); }
};
// Its rows are reduced over.
template <class Storage>
struct AlongColumns {
  static constexpr bool kReducesAlongRows = false;
  Storage storage;
  WHORL_DEVICE float at(int64_t i, int64_t r) const { return storage.at(r, i); }
};
// The same with dropout: storage row r is row r of a segment whose mask begins with row `first_row`.
struct DroppedColumns {
  static constexpr bool kReducesAlongRows = false;
  EitherRows storage;
  uint64_t seed = 0;
  float dropout = 0;
  int64_t first_row = 0;
  WHORL_DEVICE float at(int64_t i, int64_t r) const {
    const ops::DropoutRow row(seed, first_row + r, dropout);
    return row.keeps(i) ? storage.at(r, i) * (1.0f / (1.0f - dropout)) : 0.0f;
  }
};

template <class A, class B>
struct Gemm {
  static constexpr int kThreads = 256, kTile = 64, kDepth = 16, kPitch = kTile + 1, kMine = 4;
  static constexpr int64_t kShared = 2 * shared_size(kDepth * kPitch * 4);
  A a;
  B b;
  EitherOut c;
  Global<const float> bias;  // may be null, like the residual
  Dense<const float> residual;
  int64_t m = 0, n = 0, k = 0;
  float alpha = 1;
  bool accumulate = false;

  // A piece [kTile, kDepth] of an operand, zero beyond its ends, with neighbours in memory read together.
  template <class Operand>
  WHORL_DEVICE void load(Grid& grid, const Operand& from, int64_t first, int64_t size, int64_t r0,
                         const Shared<float>& to) const {
    for (int e = grid.thread(); e < kTile * kDepth; e += kThreads) {
      const int i = Operand::kReducesAlongRows ? e / kDepth : e % kTile;
      const int r = Operand::kReducesAlongRows ? e % kDepth : e / kTile;
      to[r * kPitch + i] = first + i < size && r0 + r < k ? from.at(first + i, r0 + r) : 0.0f;
    }
  }

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto left = grid.shared<float>(kDepth * kPitch), right = grid.shared<float>(kDepth * kPitch);
    const int64_t row0 = static_cast<int64_t>(grid.block()) * kTile,
                  column0 = static_cast<int64_t>(grid.block_y()) * kTile;
    const int ty = grid.thread() / 16, tx = grid.thread() % 16;
    float sums[kMine][kMine] = {};
    for (int64_t r0 = 0; r0 < k; r0 += kDepth) {
      load(grid, a, row0, m, r0, left);
      load(grid, b, column0, n, r0, right);
      grid.sync();
      for (int r = 0; r < kDepth; ++r) {
        float x[kMine], y[kMine];
        for (int i = 0; i < kMine; ++i)
          x[i] = left[r * kPitch + ty + 16 * i], y[i] = right[r * kPitch + tx + 16 * i];
        for (int i = 0; i < kMine; ++i)
          for (int j = 0; j < kMine; ++j) sums[i][j] = fmaf(x[i], y[j], sums[i][j]);
      }
      grid.sync();
    }
    for (int i = 0; i < kMine; ++i)
      for (int j = 0; j < kMine; ++j) finish(row0 + ty + 16 * i, column0 + tx + 16 * j, sums[i][j]);
  }

  WHORL_DEVICE void finish(int64_t row, int64_t column, float sum) const {
    if (row >= m || column >= n) return;
    float value = alpha * sum;
    if (bias) value += bias[column];
    if (residual.data) value += residual.at(row, column);
    c.put(row, column, accumulate ? c.at(row, column) + value : value);
  }
};

}  // namespace whorl::cuda
