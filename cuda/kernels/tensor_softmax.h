#pragma once
// Softmax of attention over tiles of keys, for the sixteen queries whose scores a warp holds as its products
// leave them (fragments.h).
#include "cuda/kernels/attention.h"
#include "cuda/kernels/fragments.h"

namespace whorl::cuda {

inline constexpr float kLog2E = 1.44269504f, kLn2 = 0.693147181f;  // exponentials are powers of two here

// The sixteen queries of a warp, two a lane: those of rows lane / 4 and lane / 4 + 8 of its products. Numbers
// of 32 bits, since a lane has few registers left beside its sums.
struct WarpQueries {
  int row[2], head[2];             // where they lie in this batch
  int position[2];                 // -1 where there is no such query, which then sees nothing
  int low = 0, high = -1, window;  // positions of the first and the last of the warp

  WHORL_DEVICE WarpQueries(Grid& grid, const AttentionPiece& piece, const AttentionSizes& sizes,
                           int64_t kv_head) {
    const auto group = static_cast<int>(sizes.group), first = grid.warp() * 16;
    const int64_t count = piece.rows * sizes.group - piece.first;
    window = sizes.window > 0 && sizes.window < INT32_MAX ? static_cast<int>(sizes.window) : INT32_MAX;
    WHORL_UNROLL
    for (int h = 0; h < 2; ++h) {
      const int mine = first + grid.lane() / 4 + 8 * h, in_row = row_of(piece, mine, group);
      row[h] = static_cast<int>(piece.row) + in_row;
      head[h] = static_cast<int>(kv_head * group + piece.first + mine) - in_row * group;
      position[h] = mine < count ? static_cast<int>(piece.past) + in_row : -1;
    }
    if (first >= count) return;
    low = static_cast<int>(piece.past) + row_of(piece, first, group);
    high = static_cast<int>(piece.past) +
           row_of(piece, static_cast<int>(count < first + 16 ? count - 1 : first + 15), group);
  }
  WHORL_DEVICE static int row_of(const AttentionPiece& piece, int mine, int group) {
    return static_cast<int>(static_cast<uint32_t>(piece.first + mine) / static_cast<uint32_t>(group));
  }

  WHORL_DEVICE bool there(int h) const { return position[h] >= 0; }
  WHORL_DEVICE bool sees(int h, int key) const { return key <= position[h] && position[h] - key < window; }
  // None of them sees any of these keys, or every one sees all of them.
  WHORL_DEVICE bool none_sees(int first, int keys) const {
    return first > high || first + keys <= low - window + 1;
  }
  WHORL_DEVICE bool all_see(int first, int keys) const {
    return first + keys - 1 <= low && first > high - window;
  }
  template <class T>
  WHORL_DEVICE Global<const T> of(const EitherRows& x, int h, int64_t d) const {
    return there(h) ? x.row<T>(row[h]) + head[h] * d : Global<const T>();
  }
};

// What two parts of a softmax count for in one, `sum` being 0 where a part has seen no key.
struct MergedParts {
  float most, mine = 1, its = 0;
  WHORL_DEVICE MergedParts(float so_far, float sum, float next_most, float next_sum) : most(so_far) {
    if (next_sum == 0) return;
    if (sum == 0 || next_most > so_far) most = next_most;
    mine = sum == 0 ? 0.0f : exp2f(so_far - most), its = exp2f(next_most - most);
  }
};

// Softmax in progress of a warp's queries; scores are in units of ln 2. `sum` is this lane's part of it until
// close().
template <int Channels>
struct TensorSoftmax {
  float most[2] = {-INFINITY, -INFINITY}, sum[2] = {}, values[Channels / 8][4] = {};

  // Scores of a tile become weights under the new maxima.
  template <int N>
  WHORL_DEVICE void soften(Grid& grid, const WarpQueries& queries, int first, float scale,
                           float (&scores)[N][4]) {
    const bool all = queries.all_see(first, 8 * N);
    WHORL_UNROLL
    for (int h = 0; h < 2; ++h) {
      float top = most[h];
      WHORL_UNROLL
      for (int i = 0; i < 2 * N; ++i) {
        float& score = scores[i / 2][2 * h + i % 2];
        const int key = first + i / 2 * 8 + grid.lane() % 4 * 2 + i % 2;
        score = all || queries.sees(h, key) ? score * scale : -INFINITY;
        top = score > top ? score : top;
      }
      top = row_max(grid, top);
      const float zero = top == -INFINITY ? 0.0f : top, kept = exp2f(most[h] - zero);
      float added = 0;
      WHORL_UNROLL
      for (int i = 0; i < 2 * N; ++i) {
        float& score = scores[i / 2][2 * h + i % 2];
        score = exp2f(score - zero), added += score;
      }
      most[h] = top, sum[h] = fmaf(sum[h], kept, added);
      WHORL_UNROLL
      for (int i = 0; i < 2 * (Channels / 8); ++i) values[i / 2][2 * h + i % 2] *= kept;
    }
  }

  // The end of a span: it joins the spans before it.
  WHORL_DEVICE void close(Grid& grid, TensorSoftmax& total) {
    WHORL_UNROLL
    for (int h = 0; h < 2; ++h) {
      const float all = row_sum(grid, sum[h]);
      const MergedParts parts(total.most[h], total.sum[h], most[h], all);
      total.most[h] = parts.most, total.sum[h] = fmaf(total.sum[h], parts.mine, all * parts.its);
      WHORL_UNROLL
      for (int i = 0; i < 2 * (Channels / 8); ++i) {
        float& value = total.values[i / 2][2 * h + i % 2];
        value = fmaf(value, parts.mine, values[i / 2][2 * h + i % 2] * parts.its);
      }
    }
    *this = TensorSoftmax();
  }
};

// Minus zero, which a value scaled to nothing may leave, becomes zero: keys without weight may do so, too.
WHORL_DEVICE float weighted_mean(float sum_of_values, float sum) { return sum_of_values / sum + 0.0f; }

}  // namespace whorl::cuda
