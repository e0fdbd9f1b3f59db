#pragma once
// One block per group of a row: 32 threads where a group is small, else 256.
#include "cuda/kernels/rounded.h"

namespace whorl::cuda {

inline constexpr int64_t kSmallNorm = 256;  // numbers that one warp adds as fast as eight

// 1 / sqrt(mean(x^2) + epsilon) over `size` numbers of a row from `first` on, by a block of `Warps` warps;
// `shared` as for block_sum. Few numbers are added by every warp alone: the same bits in blocks of any size.
template <int Warps>
WHORL_DEVICE float rms_scale(Grid& grid, const Dense<const float>& x, int64_t row, int64_t first,
                             int64_t size, float epsilon, const Shared<float>& shared) {
  const bool small = size <= kSmallNorm;
  float squares = 0;
  for (int64_t c = small ? grid.lane() : grid.thread(); c < size; c += small ? 32 : 32 * Warps) {
    const float value = x.at(row, first + c);
    squares = fmaf(value, value, squares);
  }
  squares = small ? warp_sum(grid, squares) : block_sum<Warps>(grid, squares, shared);
  return 1.0f / sqrtf(squares / static_cast<float>(size) + epsilon);
}
WHORL_DEVICE float normed(float x, float scale, float gain) { return x * scale * gain; }

template <int Warps>
struct RmsNorm {
  static constexpr int kThreads = 32 * Warps;
  static constexpr int64_t kShared = shared_size(Warps * 4);
  Dense<const float> x;
  Global<const float> gain;
  Dense<float> y, rstd;  // rstd may be empty
  RoundedStore rounded;  // y again, where rows are one group
  int64_t size = 0, groups = 1;
  float epsilon = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(Warps);
    const int64_t row = grid.block() / groups, group = grid.block() % groups, first = group * size;
    const float scale = rms_scale<Warps>(grid, x, row, first, size, epsilon, shared);
    for (int64_t begin = 32 * grid.warp(); begin < size; begin += kThreads) {
      const int64_t c = begin + grid.lane();
      const float value = c < size ? normed(x.at(row, first + c), scale, gain[c]) : 0.0f;
      if (c < size) y.row(row)[first + c] = value;
      rounded(grid, row, begin / 32, value, c < size);
    }
    if (rstd.data && grid.thread() == 0) rstd.row(row)[group] = scale;
  }
};

// dx (= or +=) rstd * (gain dy - x rstd^2 mean(gain dy x)).
template <int Warps>
struct RmsNormBackward {
  static constexpr int kThreads = 32 * Warps;
  static constexpr int64_t kShared = shared_size(Warps * 4);
  Dense<const float> dy, x, rstd;
  Global<const float> gain;
  Dense<float> dx;
  int64_t size = 0, groups = 1;
  bool accumulate = false;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(Warps);
    const int64_t row = grid.block() / groups, group = grid.block() % groups, first = group * size;
    const float scale = rstd.at(row, group);
    float sum = 0;
    for (int64_t c = grid.thread(); c < size; c += kThreads)
      sum = fmaf(dy.at(row, first + c) * gain[c], x.at(row, first + c), sum);
    sum = block_sum<Warps>(grid, sum, shared);
    const float along = sum * scale * scale / static_cast<float>(size);
    for (int64_t c = grid.thread(); c < size; c += kThreads) {
      const float value = scale * (dy.at(row, first + c) * gain[c] - x.at(row, first + c) * along);
      float& to = dx.row(row)[first + c];
      to = accumulate ? to + value : value;
    }
  }
};

// sums[c] += over rows and groups of value(row, group, c): 32 columns a block, eight threads share the rows
// of each and their sums are added in order.
template <class Value>
struct ColumnSums {
  static constexpr int kThreads = 256;
  static constexpr int64_t kShared = kThreads * 4;
  Value value;
  Global<float> sums;
  int64_t rows = 0, groups = 1, columns = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(kThreads);
    const int64_t c = static_cast<int64_t>(grid.block()) * 32 + grid.lane();
    float sum = 0;
    for (int64_t i = grid.warp(); i < rows * groups && c < columns; i += 8)
      sum += value(i / groups, i % groups, c);
    shared[grid.thread()] = sum;
    grid.sync();
    if (grid.warp() != 0 || c >= columns) return;
    float all = 0;
    for (int i = 0; i < 8; ++i) all += shared[i * 32 + grid.lane()];
    sums[c] += all;
  }
};

struct GainGradient {
  Dense<const float> dy, x, rstd;
  int64_t size = 0;
  WHORL_DEVICE float operator()(int64_t row, int64_t group, int64_t c) const {
    return dy.at(row, group * size + c) * x.at(row, group * size + c) * rstd.at(row, group);
  }
};
struct Itself {
  Dense<const float> x;
  WHORL_DEVICE float operator()(int64_t row, int64_t, int64_t c) const { return x.at(row, c); }
};

}  // namespace whorl::cuda
