#pragma once
// y [rows, outputs] += D(s up) on tensor cores: a warp has sixteen rows and 32 outputs at a time, ranks in
// ascending order, sixteen a product (zeros past the last). Output 4 i + n is column i of product n: so a
// lane loads four neighbours of a rank's row, and holds eight of an output's.
#include "cuda/kernels/lora.h"

namespace whorl::cuda {

template <int Each>
struct LoraTensorExpand {
  static constexpr int kThreads = 128, kWarps = kThreads / 32, kMine = 32, kTile = kWarps * kMine * Each;
  LoraCall call;
  int64_t largest_rank = 0;
  bool drops = false;

  // Words of two ranks, from row to row: lanes of a read touch 32 banks.
  static constexpr int pitch(int64_t rank) { return static_cast<int>((rank + 15) / 16 * 8 + 4); }
  static int64_t shared_bytes(int64_t rank) { return shared_size(kTensorRows * pitch(rank) * 4); }

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto low = grid.shared<uint32_t>(kTensorRows * pitch(largest_rank));
    const LoraPiece piece = call.pieces[grid.block()];
    const LoraJob& job = call.jobs[piece.job];
    const int64_t first = static_cast<int64_t>(grid.block_y()) * kTile;
    if (first >= job.outputs) return;  // the whole block: another product has more
    collect(grid, piece, low);
    grid.sync();
    const bool together =
        job.outputs % 4 == 0 && in_fours(piece.ups<uint16_t>(), job.outputs) &&
        (job.y.narrow ? in_fours(job.y.narrow, job.y.stride) : in_fours(job.y.wide, job.y.stride));
    for (int e = 0; e < Each; ++e) {
      const int64_t column = first + (e * kWarps + grid.warp()) * kMine;
      if (column >= job.outputs) return;  // a whole warp
      together ? walk<true>(grid, piece, column, low) : walk<false>(grid, piece, column, low);
    }
  }

 private:
  // The piece's s, whole and rounded; of several blocks the first one keeps what it has added up.
  WHORL_DEVICE void collect(Grid& grid, const LoraPiece& piece, const Shared<uint32_t>& low) const {
    const int words = pitch(piece.rank) - 4;
    for (int e = grid.thread(); e < kTensorRows * words; e += kThreads) {
      const int row = e / words, rank = e % words * 2;
      low[row * pitch(piece.rank) + e % words] =
          bfloat16_pair(whole(grid, piece, row, rank), whole(grid, piece, row, rank + 1));
    }
  }
  WHORL_DEVICE float whole(Grid& grid, const LoraPiece& piece, int row, int rank) const {
    if (row >= piece.rows || rank >= piece.rank) return 0.0f;
    const auto& s = call.jobs[piece.job].s;
    if (!call.partial) return s.row(piece.begin + row)[rank];
    const float sum = call.add_chunks(piece.partial + static_cast<int64_t>(row) * piece.rank + rank,
                                      piece.rows * piece.rank);
    if (s.data && grid.block_y() == 0) s.row(piece.begin + row)[rank] = sum;
    return sum;
  }

  template <bool Together>
  WHORL_DEVICE void walk(Grid& grid, const LoraPiece& piece, int64_t column,
                         const Shared<uint32_t>& low) const {
    const int pair = grid.lane() % 4, step_of_rows = 8 * pitch(piece.rank);
    float sums[4][4] = {};
    for (int rank0 = 0; rank0 < piece.rank; rank0 += 16) {
      FourNumbers<uint16_t> weights[4];  // of ranks 2 t, 2 t + 1, 2 t + 8, 2 t + 9
      load_ranks<Together>(grid, piece, rank0 + 2 * pair, column + grid.lane() / 4 * 4, weights);
      const int at = grid.lane() / 4 * pitch(piece.rank) + rank0 / 2 + pair;
      const uint32_t a[4] = {low[at], low[at + step_of_rows], low[at + 4], low[at + step_of_rows + 4]};
      grid.sync_warp();  // lanes may have come here by different ways, and multiply together
      WHORL_UNROLL
      for (int n = 0; n < 4; ++n) {
        const uint32_t b[2] = {side_by_side(weights[0].x[n], weights[1].x[n]),
                               side_by_side(weights[2].x[n], weights[3].x[n])};
        grid.mma(sums[n], a, b);
      }
    }
    WHORL_UNROLL
    for (int part = 0; part < 4; ++part) {
      const int row = grid.lane() / 4 + part / 2 * 8;
      const int64_t o = column + 8 * pair + part % 2 * 4;
      const Four four{{sums[0][part], sums[1][part], sums[2][part], sums[3][part]}};
      if (row < piece.rows) add<Together>(piece, row, o, four);
    }
  }

  template <bool Together>
  WHORL_DEVICE void load_ranks(Grid&, const LoraPiece& piece, int rank, int64_t o,
                               FourNumbers<uint16_t> (&weights)[4]) const {
    const Fours<Together, uint16_t> up{piece.ups<uint16_t>()};
    const int64_t outputs = call.jobs[piece.job].outputs;
    WHORL_UNROLL
    for (int j = 0; j < 4; ++j) {
      const int its = rank + j % 2 + j / 2 * 8;
      weights[j] = {};
      if (its < piece.rank && o < outputs) weights[j] = up(its * outputs + o, outputs - o);
    }
  }

  // Four neighbours of y, as many of them as are there.
  template <bool Together>
  WHORL_DEVICE void add(const LoraPiece& piece, int row, int64_t o, Four value) const {
    const LoraJob& job = call.jobs[piece.job];
    if (o >= job.outputs) return;
    if (drops && piece.dropout > 0) piece.drop(row, o, value);
    if constexpr (Together) {
      job.y.narrow ? add_four<uint16_t>(job, piece.begin + row, o, value)
                   : add_four<float>(job, piece.begin + row, o, value);
    } else {
      for (int j = 0; j < 4; ++j)
        if (o + j < job.outputs) job.y.add(piece.begin + row, o + j, value.x[j]);
    }
  }
  template <class T>
  WHORL_DEVICE static void add_four(const LoraJob& job, int64_t row, int64_t o, const Four& value) {
    const Global<FourNumbers<T>> to(
        reinterpret_cast<FourNumbers<T>*>((job.y.template row<T>(row) + o).raw()));
    FourNumbers<T> its = to[0];
    const Four before = widened(its);
    for (int j = 0; j < 4; ++j) store(its.x[j], before.x[j] + value.x[j]);
    to[0] = its;
  }
};

}  // namespace whorl::cuda
