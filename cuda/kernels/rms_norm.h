#pragma once
// One block per group of a row: 32 threads where a group is small, else 256.
#include "cuda/kernels/rounded.h"

namespace whorl::cuda {

inline constexpr int64_t kSmallNorm = 256;  // numbers that one warp adds as fast as eight

// 1 / sqrt(mean(x^2) + epsilon) over `size` numbers of a row from `first` on, by a block of `Warps` warps;
// `shared` as for block_sum. Few numbers are added by every warp alone: the same bits in blocks of any size.
template <int Warps>
WHORL_DEVICE float rms_scale(Grid& grid, const EitherRows& x, int64_t row, int64_t first, int64_t size,
                             float epsilon, const Shared<float>& shared) {
  const bool alone = size <= kSmallNorm, together = (size | first) % 4 == 0 && in_fours(x);
  float squares = 0;
  each_four<Warps>(grid, size, alone, [&](int64_t c, int64_t left) {
    if (left <= 0) return;
    const Four value =
        together ? four_of<true>(x, row, first + c, left) : four_of<false>(x, row, first + c, left);
    for (int j = 0; j < 4; ++j) squares = fmaf(value.x[j], value.x[j], squares);
  });
  squares = alone ? warp_sum(grid, squares) : block_sum<Warps>(grid, squares, shared);
  return 1.0f / sqrtf(squares / static_cast<float>(size) + epsilon);
}
WHORL_DEVICE float normed(float x, float scale, float gain) { return x * scale * gain; }

template <int Warps>
struct RmsNorm {
  static constexpr int kThreads = 32 * Warps;
  static constexpr int64_t kShared = 2 * shared_size(Warps * 4);
  EitherRows x;
  Global<const float> gain;
  EitherOut y;
  Dense<float> rstd;     // may be empty
  RoundedStore rounded;  // y again, where rows are one group
  int64_t size = 0, groups = 1;
  float epsilon = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(Warps), room = grid.shared<float>(Warps);
    const int64_t row = grid.block() / groups, group = grid.block() % groups;
    const float scale = rms_scale<Warps>(grid, x, row, group * size, size, epsilon, shared);
    const bool together = size % 4 == 0 && in_fours(x) && in_fours(y) && in_fours(gain, 0);
    together ? write<true>(grid, row, group * size, scale, room)
             : write<false>(grid, row, group * size, scale, room);
    if (rstd.data && grid.thread() == 0) rstd.row(row)[group] = scale;
  }

 private:
  template <bool Together>
  WHORL_DEVICE void write(Grid& grid, int64_t row, int64_t first, float scale,
                          const Shared<float>& room) const {
    float most = 0;
    each_four<Warps>(grid, size, false, [&](int64_t c, int64_t left) {
      Four value{};
      if (left > 0) {
        value = four_of<Together>(x, row, first + c, left);
        const Four gains = Fours<Together>(gain)(c, left);
        for (int j = 0; j < 4; ++j) value.x[j] = normed(value.x[j], scale, gains.x[j]);
        value = put_four<Together>(y, row, first + c, left, value);
      }
      rounded(grid, row, c, size, value);
      most = Fp8Store::larger(most, value);
    });
    if (rounded.fp8.wanted())
      rounded.fp8.template put<Warps>(grid, row, most, room, [&](int64_t c) {
        return c < size ? four_of<Together>(y, row, c, size - c) : Four{};
      });
  }
};

// dx (= or +=) rstd * (gain dy - x rstd^2 mean(gain dy x)).
template <int Warps>
struct RmsNormBackward {
  static constexpr int kThreads = 32 * Warps;
  static constexpr int64_t kShared = shared_size(Warps * 4);
  EitherRows dy, x;
  Dense<const float> rstd;
  Global<const float> gain;
  EitherOut dx;
  int64_t size = 0, groups = 1;
  bool accumulate = false;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const bool together = size % 4 == 0 && in_fours(dy) && in_fours(x) && in_fours(dx) && in_fours(gain, 0);
    together ? run<true>(grid) : run<false>(grid);
  }

 private:
  template <bool Together>
  WHORL_DEVICE void run(Grid& grid) const {
    const auto shared = grid.shared<float>(Warps);
    const int64_t row = grid.block() / groups, group = grid.block() % groups, first = group * size;
    const float scale = rstd.at(row, group);
    float sum = 0;
    each_four<Warps>(grid, size, false, [&](int64_t c, int64_t left) {
      if (left <= 0) return;
      const Four outer = weighted<Together>(row, first, c, left),
                 value = four_of<Together>(x, row, first + c, left);
      for (int j = 0; j < 4; ++j) sum = fmaf(outer.x[j], value.x[j], sum);
    });
    sum = block_sum<Warps>(grid, sum, shared);
    const float along = sum * scale * scale / static_cast<float>(size);
    each_four<Warps>(grid, size, false, [&](int64_t c, int64_t left) {
      if (left <= 0) return;
      const Four outer = weighted<Together>(row, first, c, left),
                 value = four_of<Together>(x, row, first + c, left);
      Four out{};
      if (accumulate) out = four_of<Together>(dx, row, first + c, left);
      for (int j = 0; j < 4; ++j) {
        const float its = scale * (outer.x[j] - value.x[j] * along);
        out.x[j] = accumulate ? out.x[j] + its : its;
      }
      put_four<Together>(dx, row, first + c, left, out);
    });
  }
  // gain dy.
  template <bool Together>
  WHORL_DEVICE Four weighted(int64_t row, int64_t first, int64_t c, int64_t left) const {
    Four out = four_of<Together>(dy, row, first + c, left);
    const Four gains = Fours<Together>(gain)(c, left);
    for (int j = 0; j < 4; ++j) out.x[j] *= gains.x[j];
    return out;
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
  EitherRows dy, x;
  Dense<const float> rstd;
  int64_t size = 0;
  WHORL_DEVICE float operator()(int64_t row, int64_t group, int64_t c) const {
    return dy.at(row, group * size + c) * x.at(row, group * size + c) * rstd.at(row, group);
  }
};
struct Itself {
  EitherRows x;
  WHORL_DEVICE float operator()(int64_t row, int64_t, int64_t c) const { return x.at(row, c); }
};

}  // namespace whorl::cuda
