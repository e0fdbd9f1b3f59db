#pragma once
// s [rows, rank] = D(x) down^T: a warp per four ranks of a piece, its lanes along the inputs.
#include "cuda/kernels/lora_rows.h"

namespace whorl::cuda {

template <class Source = PlainRows<>>
struct LoraShrink {
  static constexpr int kThreads = 256, kWarps = kThreads / 32, kRanks = 4;
  static constexpr int64_t kShared = Source::kShared;
  LoraCall call;
  Source x;
  bool drops = false;  // whether the pieces' dropout applies here

  static constexpr int64_t groups(int64_t rank) { return (rank + kRanks - 1) / kRanks; }

  // block() is the piece; the warps of block_y() have its groups of ranks, with partial sums of each chunk.
  WHORL_DEVICE void operator()(Grid& grid) const {
    const LoraPiece piece = call.pieces[grid.block()];
    call.in_fours(x, piece.downs<float>()) ? run<true>(grid, piece) : run<false>(grid, piece);
  }

 private:
  template <bool Together>
  WHORL_DEVICE void run(Grid& grid, const LoraPiece& piece) const {
    const auto rows = x.template of<Together>(grid, piece);
    const int64_t unit = static_cast<int64_t>(grid.block_y()) * kWarps + grid.warp();
    if (unit >= groups(piece.rank) * (call.partial ? call.chunks : 1)) return;  // a whole warp
    piece.rows == 1 ? walk<1, Together>(grid, piece, rows, unit)
                    : walk<kPieceRows, Together>(grid, piece, rows, unit);
  }

  // One chunk, or all of them in order.
  template <int Rows, bool Together, class X>
  WHORL_DEVICE void walk(Grid& grid, const LoraPiece& piece, const X& rows, int64_t unit) const {
    constexpr int kLanes = 32 / (kRanks * Rows);  // that hold the same sum
    const int64_t first = unit / groups(piece.rank), rank0 = unit % groups(piece.rank) * kRanks;
    const int64_t end = call.partial ? first + 1 : call.chunks;
    float sum = 0;
    for (int64_t chunk = first; chunk < end; ++chunk)
      sum += chunk_sum<Rows, Together>(grid, piece, rows, rank0, chunk);
    const int which = grid.lane() / kLanes, row = which % Rows;
    const int64_t rank = rank0 + which / Rows;
    if (grid.lane() % kLanes != 0 || row >= piece.rows || rank >= piece.rank) return;
    if (call.partial)
      call.partial[piece.partial + (first * piece.rows + row) * piece.rank + rank] = sum;
    else
      call.jobs[piece.job].s.row(piece.begin + row)[rank] = sum;
  }

  // Lane l gets the sum of row and rank number l / kLanes, rank by rank.
  template <int Rows, bool Together, class X>
  WHORL_DEVICE float chunk_sum(Grid& grid, const LoraPiece& piece, const X& rows, int64_t rank0,
                               int64_t chunk) const {
    const Fours<Together> down{piece.downs<float>()};
    const int64_t begin = chunk * call.chunk,
                  end = begin + call.chunk < call.inputs ? begin + call.chunk : call.inputs;
    float sums[kRanks * Rows] = {};
    for (int64_t k = begin + 4 * grid.lane(); k < end; k += 128) {
      Four weights[kRanks];
      for (int r = 0; r < kRanks; ++r)
        weights[r] = rank0 + r < piece.rank ? down((rank0 + r) * call.inputs + k, end - k) : Four{};
      for (int i = 0; i < Rows; ++i) {
        if (i >= piece.rows) continue;
        Four value = rows(i, k, end - k);
        if (drops && piece.dropout > 0) piece.drop(i, k, value);
        for (int r = 0; r < kRanks; ++r)
          for (int j = 0; j < 4; ++j)
            sums[r * Rows + i] = fmaf(value.x[j], weights[r].x[j], sums[r * Rows + i]);
      }
    }
    return warp_sums(grid, sums);
  }
};

}  // namespace whorl::cuda
