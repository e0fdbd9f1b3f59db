#pragma once
// A product of few rows: the warps of a block have a chunk each of one tile, so that many read weights at
// once, and what comes behind the sums is added where they are. `Tile` multiplies; its sums are those of
// Grid::mma, outputs times rows.
#include "cuda/kernels/product_ends.h"

namespace whorl::cuda {

// body(row, output, place in sums) for what this lane holds of 16 `Outputs` outputs and 8 `Rows` rows.
template <int Outputs, int Rows, class Body>
WHORL_DEVICE void for_each_sum(Grid& grid, const Body& body) {
  WHORL_UNROLL
  for (int m = 0; m < Outputs; ++m) {
    WHORL_UNROLL
    for (int n = 0; n < Rows; ++n) {
      WHORL_UNROLL
      for (int i = 0; i < 4; ++i)
        body(8 * n + grid.lane() % 4 * 2 + i % 2, 16 * m + grid.lane() / 4 + i / 2 * 8, m, n, i);
    }
  }
}

// sums += groups of one chunk; some are loaded before any is multiplied.
template <class Tile>
WHORL_DEVICE void add_chunk(Grid& grid, const Tile& tile, int64_t chunk, typename Tile::Sums& sums) {
  const int64_t end = tile.call.chunk_begin(chunk + 1);
  for (int64_t first = tile.call.chunk_begin(chunk); first < end; first += Tile::kAhead) {
    typename Tile::Group groups[Tile::kAhead];
    WHORL_UNROLL
    for (int i = 0; i < Tile::kAhead; ++i)
      if (first + i < end) tile.load(grid, first + i, groups[i]);
    grid.sync_warp();  // lanes may have come here by different ways, and multiply together
    WHORL_UNROLL
    for (int i = 0; i < Tile::kAhead; ++i)
      if (first + i < end) tile.multiply(grid, groups[i], sums);
  }
}

template <class Tile>
struct FewRows {
  static constexpr int kThreads = 32 * ProductCall::kChunks, kSums = Tile::kOutputs * Tile::kRows;
  static constexpr int64_t kOutputs = Tile::kOutputs, kRows = Tile::kRows;
  static_assert(Tile::kRows <= kThreads);
  using Adapters = TileAdapters<Tile::kOutputs, Tile::kRows>;
  typename Tile::Call call;

  static constexpr int64_t shared_bytes(int64_t rank) {
    return shared_size(int64_t{ProductCall::kChunks} * kSums * 4) + Adapters::shared_bytes(rank);
  }

  WHORL_DEVICE void operator()(Grid& grid) const {
    call.place(grid);
    const int job = call.job_of(grid.block());
    const ProductEnd& end = call.ends[job];
    const Tile tile(call, job, (grid.block() - end.first_block) * kOutputs, grid.block_y() * kRows);
    const Shared<float> parts = grid.shared<float>(int64_t{ProductCall::kChunks} * kSums);
    const Adapters adapters(grid, call, end, tile.row0);
    adapters.find_pieces(grid);
    typename Tile::Sums sums = {};
    add_chunk(grid, tile, grid.warp(), sums);
    if constexpr (requires { tile.scale(grid, sums); }) tile.scale(grid, sums);
    for_each_sum<Tile::kOutputs / 16, Tile::kRows / 8>(grid, [&](int row, int output, int m, int n, int i) {
      parts[grid.warp() * kSums + row * Tile::kOutputs + output] = sums[m][n][i];
    });
    grid.sync();
    adapters.multiply(grid, tile.output0);
    for (int at = grid.thread(); at < kSums; at += kThreads) {
      const int row = at / Tile::kOutputs, column = at % Tile::kOutputs;
      const int64_t output = tile.output0 + column;
      if (tile.row0 + row >= call.rows || output >= end.outputs) continue;
      float sum = 0;
      for (int chunk = 0; chunk < ProductCall::kChunks; ++chunk) sum += parts[chunk * kSums + at];
      sum = end.y.kept(end.with_bias(tile.row0 + row, output, sum));  // adapters come on top of what is there
      end.y.put(tile.row0 + row, output, adapters.on_top(row, column, sum));
    }
  }
};

}  // namespace whorl::cuda
