#pragma once
// Gradients of adapters on tensor cores, those of both matrices and of all segments of a batch at once: da +=
// ds^T D(x) and db += scale dy^T s. Either is a sum over a segment's rows of a row with few numbers (ds, s:
// one for each rank) times a wide one (D(x), dy).
//
// Order of additions: rows in chunks whose size depends on the segment's number of rows alone, within a chunk
// sixteen rows a product, counted from the segment's first one; then the chunks' sums one after another. A
// gradient's bits depend on its own segment, and not on whether its chunks ran in one block or in several.
#include "cuda/kernels/fragments.h"
#include "cuda/kernels/lora_gradient_job.h"

namespace whorl::cuda {

// `Tiles` times sixteen ranks and 128 columns of a job for each block; a warp has 32 of the columns.
template <int Tiles>
struct LoraGradients {
  static constexpr int kThreads = 128, kWarps = kThreads / 32, kRanks = 16 * Tiles, kColumns = 128,
                       kRows = LoraGradientJob::kChunkStep, kMine = kColumns / kWarps / 8;
  using Wide = Tile<kColumns>;
  using Few = Tile<kRanks>;
  using Sums = float[Tiles][kMine][4];
  Global<const LoraGradientJob> jobs;
  EitherRows x, dy;
  Dense<const float> ds, s;
  Global<float> partial;  // where there is none, a block walks all chunks
  int64_t tiles = 1;      // of the job that has most

  static int64_t shared_bytes() { return Wide::across_bytes(kRows) + Few::across_bytes(kRows); }
  static int64_t tiles_of(const LoraGradientJob& job) {
    return ((job.columns + kColumns - 1) / kColumns) * static_cast<int64_t>((job.rank + kRanks - 1) / kRanks);
  }

  // Where a block's outputs and rows begin.
  struct Place {
    int column, rank, chunk;
  };

  // block() is the job, block_y() the tile and with `partial` the chunk.
  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto wide = grid.shared<uint32_t>(kRows / 2 * Wide::kAcross),
               few = grid.shared<uint32_t>(kRows / 2 * Few::kAcross);
    const LoraGradientJob job = jobs[grid.block()];
    const int tile = static_cast<int>(grid.block_y() % tiles),
              across = (job.columns + kColumns - 1) / kColumns, size = LoraGradientJob::chunk_size(job.rows);
    const Place at{tile % across * kColumns, tile / across * kRanks,
                   static_cast<int>(grid.block_y() / tiles)};
    const int first = at.chunk * size;
    if (at.rank >= job.rank || first >= job.rows) return;  // the whole block
    const int last = partial ? least(first + size, job.rows) : job.rows;
    Sums total = {};
    for (int begin = first; begin < last; begin += size) {
      Sums sums = {};
      const int end = least(begin + size, job.rows);
      for (int row = begin; row < end; row += kRows) {
        const int steps = least((end - row + 15) / 16, kRows / 16);
        grid.sync();
        load(grid, job, at, row, steps, wide, few);
        grid.sync();
        multiply(grid, steps, wide, few, sums);
      }
      for_each([&](int m, int n, int i) { total[m][n][i] += sums[m][n][i]; });
    }
    finish(grid, job, at, total);
  }

 private:
  WHORL_DEVICE static int least(int a, int b) { return a < b ? a : b; }

  // body(tile of ranks, block of columns, number) for all that a lane holds.
  template <class Body>
  WHORL_DEVICE static void for_each(const Body& body) {
    WHORL_UNROLL
    for (int m = 0; m < Tiles; ++m) {
      WHORL_UNROLL
      for (int n = 0; n < kMine; ++n) {
        WHORL_UNROLL
        for (int i = 0; i < 4; ++i) body(m, n, i);
      }
    }
  }

  // 16 `steps` rows from `row` of the segment on.
  WHORL_DEVICE void load(Grid& grid, const LoraGradientJob& job, const Place& at, int row, int steps,
                         const Shared<uint32_t>& wide, const Shared<uint32_t>& few) const {
    const EitherRows from = job.down ? x : dy;
    const Dense<const float> low = job.down ? ds : s;
    const int ranks = job.rank - at.rank;
    const auto low_row = [&](int i) {
      return i < job.rows ? low.row(job.begin + i) + at.rank : Global<const float>();
    };
    for (int two = grid.warp(); two < 8 * steps; two += kWarps) {
      const int i = row + 2 * two;
      const WideRow even(job, from, i, at.column), odd(job, from, i + 1, at.column);
      WHORL_UNROLL
      for (int part = 0; part < kColumns / 32; ++part) {
        const int c = grid.lane() + 32 * part;
        wide[two * Wide::kAcross + c] = bfloat16_pair(even.at(c), odd.at(c));
      }
      const Global<const float> low_even = low_row(i), low_odd = low_row(i + 1);
      for (int r = grid.lane(); r < kRanks; r += 32)
        few[two * Few::kAcross + r] =
            bfloat16_pair(channel_of(low_even, r, ranks), channel_of(low_odd, r, ranks));
    }
  }

  // Ranks are the product's rows: both tiles are read across.
  WHORL_DEVICE void multiply(Grid& grid, int steps, const Shared<uint32_t>& wide, const Shared<uint32_t>& few,
                             Sums& sums) const {
    const int pair = grid.lane() % 4, group = grid.lane() / 4, mine = grid.warp() * 8 * kMine;
    for (int step = 0; step < steps; ++step) {
      const int low = 8 * step + pair, high = low + 4;  // of two rows each
      uint32_t b[kMine][2];
      WHORL_UNROLL
      for (int n = 0; n < kMine; ++n) {
        const int c = mine + 8 * n + group;
        b[n][0] = wide[low * Wide::kAcross + c], b[n][1] = wide[high * Wide::kAcross + c];
      }
      WHORL_UNROLL
      for (int m = 0; m < Tiles; ++m) {
        const int r = 16 * m + group;
        const uint32_t a[4] = {few[low * Few::kAcross + r], few[low * Few::kAcross + r + 8],
                               few[high * Few::kAcross + r], few[high * Few::kAcross + r + 8]};
        WHORL_UNROLL
        for (int n = 0; n < kMine; ++n) grid.mma(sums[m][n], a, b[n]);
      }
    }
  }

  // Into the gradient, or as a chunk's sums where there are several and each has a block of its own.
  WHORL_DEVICE void finish(Grid& grid, const LoraGradientJob& job, const Place& at, const Sums& total) const {
    const bool parts = partial && LoraGradientJob::chunk_count(job.rows) > 1;
    const int column0 = at.column + grid.warp() * 8 * kMine + grid.lane() % 4 * 2,
              rank0 = at.rank + grid.lane() / 4;
    for_each([&](int m, int n, int i) {
      const int rank = rank0 + 16 * m + i / 2 * 8, column = column0 + 8 * n + i % 2;
      if (rank >= job.rank || column >= job.columns) return;
      if (parts)
        partial[job.partial + (static_cast<int64_t>(at.chunk) * job.rank + rank) * job.columns + column] =
            total[m][n][i];
      else
        job.add(rank, column, total[m][n][i]);
    });
  }
};

}  // namespace whorl::cuda
