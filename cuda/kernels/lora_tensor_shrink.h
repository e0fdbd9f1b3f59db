#pragma once
// s [rows, rank] = D(x) down^T on tensor cores: a warp per `Blocks` times eight ranks of a piece of sixteen
// rows (those that are not there are zeros, so that one row has the bits of many). Both operands go from
// memory to registers, four neighbours of a row in one load: which input stands where in a product is the
// same for both, and no other than that.
#include "cuda/kernels/lora_rows.h"

namespace whorl::cuda {

template <int Blocks, class Source = PlainRows<>>
struct LoraTensorShrink {
  static constexpr int kThreads = 256, kWarps = kThreads / 32, kRanks = 8 * Blocks, kAhead = 4;
  static constexpr int64_t kShared = Source::kShared;
  LoraCall call;
  Source x;
  bool drops = false;  // whether the pieces' dropout applies here

  static constexpr int64_t groups(int64_t rank) { return (rank + kRanks - 1) / kRanks; }

  // block() is the piece; the warps of block_y() have its groups of ranks, with partial sums of each chunk.
  WHORL_DEVICE void operator()(Grid& grid) const {
    const LoraPiece piece = call.pieces[grid.block()];
    call.in_fours(x, piece.downs<uint16_t>()) ? run<true>(grid, piece) : run<false>(grid, piece);
  }

 private:
  using Sums = float[Blocks][4];

  template <bool Together>
  WHORL_DEVICE void run(Grid& grid, const LoraPiece& piece) const {
    const auto rows = x.template of<Together>(grid, piece);
    const int64_t unit = static_cast<int64_t>(grid.block_y()) * kWarps + grid.warp();
    if (unit >= groups(piece.rank) * (call.partial ? call.chunks : 1)) return;  // a whole warp
    walk<Together>(grid, piece, rows, unit);
  }

  // One chunk, or all of them in order.
  template <bool Together, class X>
  WHORL_DEVICE void walk(Grid& grid, const LoraPiece& piece, const X& rows, int64_t unit) const {
    const int64_t first = unit / groups(piece.rank), rank0 = unit % groups(piece.rank) * kRanks;
    const int64_t end = call.partial ? first + 1 : call.chunks;
    Sums total = {};
    for (int64_t chunk = first; chunk < end; ++chunk) {
      Sums sums = {};
      add_chunk<Together>(grid, piece, rows, rank0, chunk, sums);
      WHORL_UNROLL
      for (int i = 0; i < 4 * Blocks; ++i) total[i / 4][i % 4] += sums[i / 4][i % 4];
    }
    WHORL_UNROLL
    for (int i = 0; i < 4 * Blocks; ++i) {
      const int64_t row = grid.lane() / 4 + i % 4 / 2 * 8,
                    rank = rank0 + i / 4 * 8 + grid.lane() % 4 * 2 + i % 2;
      if (row >= piece.rows || rank >= piece.rank) continue;
      if (call.partial)
        call.partial[piece.partial + (first * piece.rows + row) * piece.rank + rank] = total[i / 4][i % 4];
      else
        call.jobs[piece.job].s.row(piece.begin + row)[rank] = total[i / 4][i % 4];
    }
  }

  // Sixteen inputs a product; loads of kAhead products go ahead of them.
  template <bool Together, class X>
  WHORL_DEVICE void add_chunk(Grid& grid, const LoraPiece& piece, const X& rows, int64_t rank0, int64_t chunk,
                              Sums& sums) const {
    const int64_t begin = chunk * call.chunk,
                  end = begin + call.chunk < call.inputs ? begin + call.chunk : call.inputs;
    for (int64_t k0 = begin; k0 < end; k0 += 16 * kAhead) {
      uint32_t a[kAhead][4], b[kAhead][Blocks][2];
      WHORL_UNROLL
      for (int step = 0; step < kAhead; ++step) {
        const int64_t k = k0 + 16 * step + grid.lane() % 4 * 4;
        load_rows(grid, piece, rows, k, end - k, a[step]);
        load_ranks<Together>(grid, piece, rank0, k, end - k, b[step]);
      }
      grid.sync_warp();  // lanes may have come here by different ways, and multiply together
      WHORL_UNROLL
      for (int step = 0; step < kAhead; ++step) {
        WHORL_UNROLL
        for (int n = 0; n < Blocks; ++n) grid.mma(sums[n], a[step], b[step][n]);
      }
    }
  }

  template <class X>
  WHORL_DEVICE void load_rows(Grid& grid, const LoraPiece& piece, const X& rows, int64_t k, int64_t left,
                              uint32_t (&a)[4]) const {
    WHORL_UNROLL
    for (int h = 0; h < 2; ++h) {
      const int row = grid.lane() / 4 + 8 * h;
      Four value{};
      if (row < piece.rows && left > 0) {
        value = rows(row, k, left);
        if (drops && piece.dropout > 0) piece.drop(row, k, value);
      }
      a[h] = bfloat16_pair(value.x[0], value.x[1]), a[h + 2] = bfloat16_pair(value.x[2], value.x[3]);
    }
  }

  template <bool Together>
  WHORL_DEVICE void load_ranks(Grid& grid, const LoraPiece& piece, int64_t rank0, int64_t k, int64_t left,
                               uint32_t (&b)[Blocks][2]) const {
    const Fours<Together, uint16_t> down{piece.downs<uint16_t>()};
    WHORL_UNROLL
    for (int n = 0; n < Blocks; ++n) {
      const int64_t rank = rank0 + 8 * n + grid.lane() / 4;
      FourNumbers<uint16_t> its{};
      if (rank < piece.rank && left > 0) its = down(rank * call.inputs + k, left);
      b[n][0] = side_by_side(its.x[0], its.x[1]), b[n][1] = side_by_side(its.x[2], its.x[3]);
    }
  }
};

}  // namespace whorl::cuda
