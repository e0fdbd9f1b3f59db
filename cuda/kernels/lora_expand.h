#pragma once
// y [rows, outputs] += D(s up): a thread per `Each` outputs of a piece, ranks in ascending order. One output
// a thread where there is little to do, four where what is read of s then serves more of them: the same bits.
#include "cuda/kernels/lora.h"

namespace whorl::cuda {

template <int Each>
struct LoraExpand {
  static constexpr int kThreads = 128, kTile = kThreads * Each, kAhead = 8 / Each;
  LoraCall call;
  int64_t largest_rank = 0;
  bool drops = false;

  static int64_t shared_bytes(int64_t rank) { return shared_size(kPieceRows * rank * 4); }

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto low = grid.shared<float>(kPieceRows * largest_rank);
    const LoraPiece piece = call.pieces[grid.block()];
    const int64_t first = static_cast<int64_t>(grid.block_y()) * kTile;
    if (first >= call.jobs[piece.job].outputs) return;  // the whole block: another product has more
    collect(grid, piece, low);
    grid.sync();
    piece.rows == 1 ? walk<1>(grid, piece, first, low) : walk<kPieceRows>(grid, piece, first, low);
  }

 private:
  // The piece's s, whole; of several blocks the first one keeps what it has added up.
  WHORL_DEVICE void collect(Grid& grid, const LoraPiece& piece, const Shared<float>& low) const {
    const auto& s = call.jobs[piece.job].s;
    const int count = piece.rows * piece.rank;
    for (int e = grid.thread(); e < count; e += kThreads) {
      const int64_t row = piece.begin + e / piece.rank, rank = e % piece.rank;
      const float sum = call.partial ? call.add_chunks(piece.partial + e, count) : s.row(row)[rank];
      low[e] = sum;
      if (call.partial && s.data && grid.block_y() == 0) s.row(row)[rank] = sum;
    }
  }

  template <int Rows>
  WHORL_DEVICE void walk(Grid& grid, const LoraPiece& piece, int64_t first, const Shared<float>& low) const {
    const auto up = piece.ups<float>();
    const int64_t outputs = call.jobs[piece.job].outputs;
    float sums[Each][Rows] = {};
    for (int rank0 = 0; rank0 < piece.rank; rank0 += kAhead) {
      float weights[kAhead][Each];
      for (int r = 0; r < kAhead; ++r)
        for (int e = 0; e < Each; ++e) {
          const int64_t o = first + e * kThreads + grid.thread();
          weights[r][e] = rank0 + r < piece.rank && o < outputs ? up[(rank0 + r) * outputs + o] : 0.0f;
        }
      for (int r = 0; r < kAhead; ++r)
        for (int i = 0; i < Rows; ++i) {
          if (rank0 + r >= piece.rank || i >= piece.rows) continue;
          const float value = low[i * piece.rank + rank0 + r];
          for (int e = 0; e < Each; ++e) sums[e][i] = fmaf(value, weights[r][e], sums[e][i]);
        }
    }
    for (int e = 0; e < Each; ++e)
      for (int i = 0; i < Rows; ++i) {
        const int64_t o = first + e * kThreads + grid.thread();
        if (i < piece.rows && o < outputs) add(piece, i, o, sums[e][i]);
      }
  }

  WHORL_DEVICE void add(const LoraPiece& piece, int row, int64_t column, float value) const {
    if (drops && piece.dropout > 0) value = piece.mask(row).keeps(column) ? value * piece.factor() : 0.0f;
    call.jobs[piece.job].y.add(piece.begin + row, column, value);
  }
};

}  // namespace whorl::cuda
