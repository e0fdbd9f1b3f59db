#pragma once
// dk and dv of attention on tensor cores. A warp owns sixteen keys, so its products are those of
// tensor_attention.h turned: rows are keys, columns are queries. Queries come head by head of those that read
// the key/value head, within a head in tiles of sixteen by position.
#include "cuda/kernels/tensor_query_gradient.h"

namespace whorl::cuda {

// A block has 64 keys of a piece; block_y() is the key/value head.
template <int Channels, class T>
struct TensorKeyGradient : AttentionGradientInputs {
  static constexpr int kKeys = 16 * kWarps, kQueries = 16;
  using Its = Tile<Channels>;
  using Words = uint32_t[Its::kSteps][4];
  EitherOut dk, dv;
  Global<const AttentionPiece> pieces;

  static int64_t shared_bytes() {
    return Its::along_bytes(kKeys) + 2 * (Its::along_bytes(kQueries) + Its::across_bytes(kQueries)) +
           2 * shared_size(kQueries * 4);
  }

  // The block's values, and tiles of queries and of their gradients.
  struct Tiles {
    Shared<uint32_t> values, queries, queries_across, outer, outer_across;
    Shared<float> lses, deltas;
    WHORL_DEVICE explicit Tiles(Grid& grid)
        : values(grid.shared<uint32_t>(kKeys * Its::kAlong)),
          queries(grid.shared<uint32_t>(kQueries * Its::kAlong)),
          queries_across(grid.shared<uint32_t>(kQueries / 2 * Its::kAcross)),
          outer(grid.shared<uint32_t>(kQueries * Its::kAlong)),
          outer_across(grid.shared<uint32_t>(kQueries / 2 * Its::kAcross)),
          lses(grid.shared<float>(kQueries)),
          deltas(grid.shared<float>(kQueries)) {}
  };
  struct Sums {
    float keys[Its::kColumns][4] = {}, values[Its::kColumns][4] = {};
  };

  WHORL_DEVICE void operator()(Grid& grid) const {
    const Tiles tiles(grid);
    const AttentionPiece piece = pieces[grid.block()];
    const int d = static_cast<int>(sizes.head_size);
    Words keys;
    load_keys(grid, piece, tiles, keys);
    int64_t end = piece.rows;  // no row from here on sees these keys
    if (sizes.window > 0 && piece.first + kKeys - 1 + sizes.window < end)
      end = piece.first + kKeys - 1 + sizes.window;
    Sums sums;
    for (int64_t head = grid.block_y() * sizes.group; head < (grid.block_y() + 1) * sizes.group; ++head)
      for (int first = static_cast<int>(piece.first); first < end; first += kQueries) {
        grid.sync();
        load(grid, piece, head, first, tiles);
        grid.sync();
        if (!none_sees(grid, piece, first)) step(grid, piece, first, keys, tiles, sums);
      }
    WHORL_UNROLL
    for (int h = 0; h < 2; ++h) {
      const int64_t mine = grid.warp() * 16 + grid.lane() / 4 + 8 * h, row = piece.row + piece.first + mine;
      if (piece.first + mine >= piece.rows) continue;
      WHORL_UNROLL
      for (int i = 0; i < 2 * Its::kColumns; ++i) {
        const int c = i / 2 * 8 + grid.lane() % 4 * 2 + i % 2;
        if (c >= d) continue;
        dk.put(row, grid.block_y() * d + c, sums.keys[i / 2][2 * h + i % 2] * sizes.scale);
        dv.put(row, grid.block_y() * d + c, sums.values[i / 2][2 * h + i % 2]);
      }
    }
  }

  WHORL_DEVICE void load_keys(Grid& grid, const AttentionPiece& piece, const Tiles& tiles,
                              Words& keys) const {
    const int d = static_cast<int>(sizes.head_size);
    const auto row_in = [&](const EitherRows& x, int64_t i) {
      return piece.first + i < piece.rows
                 ? x.row<T>(piece.row + piece.first + i) + grid.block_y() * sizes.head_size
                 : Global<const T>();
    };
    load_along<Channels, kKeys, kWarps>(grid, tiles.values, d, [&](int i) { return row_in(v, i); });
    const int64_t mine = grid.warp() * 16 + grid.lane() / 4;
    load_rows<Channels>(grid, row_in(k, mine), row_in(k, mine + 8), d, keys);
  }

  WHORL_DEVICE void load(Grid& grid, const AttentionPiece& piece, int64_t head, int first,
                         const Tiles& tiles) const {
    const int d = static_cast<int>(sizes.head_size);
    const auto row_in = [&](const EitherRows& x, int i) {
      return first + i < piece.rows ? x.row<T>(piece.row + first + i) + head * d : Global<const T>();
    };
    load_both<Channels, kQueries, kWarps>(grid, tiles.queries, tiles.queries_across, d,
                                          [&](int i) { return row_in(q, i); });
    load_both<Channels, kQueries, kWarps>(grid, tiles.outer, tiles.outer_across, d,
                                          [&](int i) { return row_in(dout, i); });
    if (grid.thread() >= kQueries) return;
    const int64_t position = first + grid.thread();
    const bool there = position < piece.rows;
    tiles.lses[grid.thread()] = there ? lse.at(piece.row + position, head) * kLog2E : 0.0f;
    tiles.deltas[grid.thread()] = there ? delta.at(piece.row + position, head) : 0.0f;
  }

  // Of the queries from `first` on, by any of the warp's keys.
  WHORL_DEVICE bool none_sees(Grid& grid, const AttentionPiece& piece, int first) const {
    const int64_t key = piece.first + grid.warp() * 16;
    return first + kQueries <= key || key >= piece.rows || sizes.first_key(first) > key + 15;
  }

  WHORL_DEVICE void step(Grid& grid, const AttentionPiece& piece, int first, const Words& keys,
                         const Tiles& tiles, Sums& sums) const {
    float weights[kQueries / 8][4] = {}, scores[kQueries / 8][4] = {};
    WHORL_UNROLL
    for (int i = 0; i < Its::kSteps; ++i) {
      uint32_t values[4];
      rows_of_tile<Channels>(grid, tiles.values, grid.warp() * 16, i, values);
      multiply_along<Channels>(grid, keys[i], tiles.queries, i, weights);
      multiply_along<Channels>(grid, values, tiles.outer, i, scores);
    }
    const float scale = sizes.scale * kLog2E;
    const auto key = static_cast<int>(piece.first) + grid.warp() * 16 + grid.lane() / 4;
    WHORL_UNROLL
    for (int i = 0; i < kQueries / 2; ++i) {
      const int mine = key + i % 4 / 2 * 8, query = i / 4 * 8 + grid.lane() % 4 * 2 + i % 2,
                position = first + query;
      float &weight = weights[i / 4][i % 4], &score = scores[i / 4][i % 4];
      const bool seen = position < piece.rows && mine <= position && mine >= sizes.first_key(position);
      const PairGradient pair(seen, weight, scale, tiles.lses[query], score, tiles.deltas[query]);
      weight = pair.weight, score = pair.score;
    }
    multiply_across<Channels>(grid, weights, tiles.outer_across, sums.values);
    multiply_across<Channels>(grid, scores, tiles.queries_across, sums.keys);
  }
};

}  // namespace whorl::cuda
