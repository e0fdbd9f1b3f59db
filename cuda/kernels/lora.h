#pragma once
// The two halves of an adapter at its true rank, for pieces of at most eight rows of one segment: each reads
// its matrix once for all rows of a piece.
#include "cuda/kernels/matrix.h"
#include "ops/dropout.h"

namespace whorl::cuda {

// Rows [begin, end) of the batch, all of one segment; `down` [rank, from] and `up` [rank, to] of its adapter.
// Row `segment_begin` has the first of the segment's masks.
struct LoraPiece {
  const float *down = nullptr, *up = nullptr;
  int64_t begin = 0, end = 0, segment_begin = 0, rank = 0;
  uint64_t seed = 0;
  float dropout = 0;

  WHORL_DEVICE float factor() const { return 1.0f / (1.0f - dropout); }
  WHORL_DEVICE bool keeps(int64_t row, int64_t column) const {
    return dropout == 0 || ops::DropoutRow(seed, row - segment_begin, dropout).keeps(column);
  }
};

inline constexpr int kPieceRows = 8;

// s [rows, rank] = D(x) down^T: a warp per rank, its lanes along the inputs.
struct LoraShrink {
  static constexpr int kThreads = 256;
  Dense<const float> x;
  Dense<float> s;
  Global<const LoraPiece> pieces;
  int64_t inputs = 0;
  bool drops = false;  // whether the pieces' dropout applies here

  WHORL_DEVICE void operator()(Grid& grid) const {
    const LoraPiece piece = pieces[grid.block()];
    const Global<const float> down(piece.down);
    const int rows = static_cast<int>(piece.end - piece.begin);
    const int64_t step = static_cast<int64_t>(kThreads / 32) * grid.blocks_y();
    for (int64_t r = grid.warp() + static_cast<int64_t>(kThreads / 32) * grid.block_y(); r < piece.rank;
         r += step) {
      float sums[kPieceRows] = {};
      for (int64_t k = grid.lane(); k < inputs; k += 32) {
        const float weight = down[r * inputs + k];
        for (int i = 0; i < rows; ++i) {
          float value = x.at(piece.begin + i, k);
          if (drops && piece.dropout > 0)
            value = piece.keeps(piece.begin + i, k) ? value * piece.factor() : 0.0f;
          sums[i] = fmaf(value, weight, sums[i]);
        }
      }
      for (int i = 0; i < rows; ++i) {
        const float sum = warp_sum(grid, sums[i]);
        if (grid.lane() == 0) s.row(piece.begin + i)[r] = sum;
      }
    }
  }
};

// y [rows, outputs] += D(s up): a thread per output, ranks in ascending order.
struct LoraExpand {
  static constexpr int kThreads = 128;
  Dense<const float> s;
  Dense<float> y;
  Global<const LoraPiece> pieces;
  int64_t outputs = 0, largest_rank = 0;
  bool drops = false;

  static int64_t shared_bytes(int64_t rank) { return shared_size(kPieceRows * rank * 4); }

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto low = grid.shared<float>(kPieceRows * largest_rank);
    const LoraPiece piece = pieces[grid.block()];
    const Global<const float> up(piece.up);
    const int rows = static_cast<int>(piece.end - piece.begin);
    for (int64_t e = grid.thread(); e < rows * piece.rank; e += kThreads)
      low[e] = s.at(piece.begin + e / piece.rank, e % piece.rank);
    grid.sync();
    const int64_t o = static_cast<int64_t>(grid.block_y()) * kThreads + grid.thread();
    if (o >= outputs) return;
    float sums[kPieceRows] = {};
    for (int64_t r = 0; r < piece.rank; ++r) {
      const float weight = up[r * outputs + o];
      for (int i = 0; i < rows; ++i) sums[i] = fmaf(low[i * piece.rank + r], weight, sums[i]);
    }
    for (int i = 0; i < rows; ++i) add(piece, piece.begin + i, o, sums[i]);
  }

  WHORL_DEVICE void add(const LoraPiece& piece, int64_t row, int64_t column, float value) const {
    if (!drops || piece.dropout == 0)
      y.row(row)[column] += value;
    else if (piece.keeps(row, column))
      y.row(row)[column] += value * piece.factor();
  }
};

}  // namespace whorl::cuda
