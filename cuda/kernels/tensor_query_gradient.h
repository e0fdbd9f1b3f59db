#pragma once
// dq of attention on tensor cores, from the log-sum-exp: as tensor_attention.h, weights are made again tile
// by tile. Here and in tensor_key_gradient.h the gradients of scores are rounded to bfloat16 too; sums are
// float32.
#include "cuda/kernels/attention_backward.h"
#include "cuda/kernels/tensor_attention.h"

namespace whorl::cuda {

// The weight of a pair of query and key from their product, and the gradient of its scaled score. A pair that
// does not see each other has neither, whatever its numbers are.
struct PairGradient {
  float weight, score;
  WHORL_DEVICE PairGradient(bool seen, float product, float scale, float lse, float dweight, float delta) {
    weight = seen ? exp2f(product * scale - lse) : 0.0f;
    score = seen ? weight * (dweight - delta) : 0.0f;
  }
};

// T: of all rows that are read, float or bfloat16. A block has 64 queries of a piece; block_y() is the
// key/value head.
template <int Channels, class T>
struct TensorQueryGradient : AttentionGradientInputs {
  static constexpr int kQueries = 16 * kWarps, kKeys = 32;
  using Its = Tile<Channels>;
  using Words = uint32_t[Its::kSteps][4];
  EitherOut dq;
  Global<const AttentionPiece> pieces;

  static int64_t shared_bytes() { return 2 * Its::along_bytes(kKeys) + Its::across_bytes(kKeys); }

  // Tiles of keys, twice, and of values.
  struct Tiles {
    Shared<uint32_t> keys, keys_across, values;
    WHORL_DEVICE explicit Tiles(Grid& grid)
        : keys(grid.shared<uint32_t>(kKeys * Its::kAlong)),
          keys_across(grid.shared<uint32_t>(kKeys / 2 * Its::kAcross)),
          values(grid.shared<uint32_t>(kKeys * Its::kAlong)) {}
  };
  // What a lane knows of its two queries.
  struct Known {
    float lse[2] = {}, delta[2] = {};
  };

  WHORL_DEVICE void operator()(Grid& grid) const {
    const Tiles tiles(grid);
    const AttentionPiece piece = pieces[grid.block()];
    const int64_t d = sizes.head_size;
    const WarpQueries mine(grid, piece, sizes, grid.block_y());
    Words queries, outer;
    load_rows<Channels>(grid, mine.of<T>(q, 0, d), mine.of<T>(q, 1, d), static_cast<int>(d), queries);
    load_rows<Channels>(grid, mine.of<T>(dout, 0, d), mine.of<T>(dout, 1, d), static_cast<int>(d), outer);
    Known known;
    WHORL_UNROLL
    for (int h = 0; h < 2; ++h)
      if (mine.there(h)) {
        known.lse[h] = lse.at(mine.row[h], mine.head[h]) * kLog2E;
        known.delta[h] = delta.at(mine.row[h], mine.head[h]);
      }
    const int64_t count = piece.rows * sizes.group - piece.first,
                  last = piece.first + (count < kQueries ? count : kQueries) - 1;
    const int begin = static_cast<int>(sizes.first_key(piece.first / sizes.group) / kKeys * kKeys),
              end = static_cast<int>(last / sizes.group + 1);
    float sums[Its::kColumns][4] = {};
    for (int first = begin; first < end; first += kKeys) {
      grid.sync();
      load(grid, piece, first, tiles);
      grid.sync();
      if (!mine.none_sees(first, kKeys)) step(grid, mine, first, queries, outer, known, tiles, sums);
    }
    WHORL_UNROLL
    for (int h = 0; h < 2; ++h)
      if (mine.there(h)) write(grid, mine, h, sums);
  }

  WHORL_DEVICE void load(Grid& grid, const AttentionPiece& piece, int first, const Tiles& tiles) const {
    const int d = static_cast<int>(sizes.head_size);
    const auto row_in = [&](const EitherRows& x, int i) {
      return first + i < piece.rows ? x.row<T>(piece.row + first + i) + grid.block_y() * sizes.head_size
                                    : Global<const T>();
    };
    load_both<Channels, kKeys, kWarps>(grid, tiles.keys, tiles.keys_across, d,
                                       [&](int i) { return row_in(k, i); });
    load_along<Channels, kKeys, kWarps>(grid, tiles.values, d, [&](int i) { return row_in(v, i); });
  }

  WHORL_DEVICE void step(Grid& grid, const WarpQueries& mine, int first, const Words& queries,
                         const Words& outer, const Known& known, const Tiles& tiles,
                         float (&sums)[Its::kColumns][4]) const {
    float scores[kKeys / 8][4] = {}, dweights[kKeys / 8][4] = {};
    WHORL_UNROLL
    for (int i = 0; i < Its::kSteps; ++i) {
      multiply_along<Channels>(grid, queries[i], tiles.keys, i, scores);
      multiply_along<Channels>(grid, outer[i], tiles.values, i, dweights);
    }
    const bool all = mine.all_see(first, kKeys);
    const float scale = sizes.scale * kLog2E;
    WHORL_UNROLL
    for (int i = 0; i < kKeys / 2; ++i) {
      const int h = i % 4 / 2, key = first + i / 4 * 8 + grid.lane() % 4 * 2 + i % 2;
      float& score = scores[i / 4][i % 4];
      score = PairGradient(all || mine.sees(h, key), score, scale, known.lse[h], dweights[i / 4][i % 4],
                           known.delta[h])
                  .score;
    }
    multiply_across<Channels>(grid, scores, tiles.keys_across, sums);
  }

  WHORL_DEVICE void write(Grid& grid, const WarpQueries& mine, int h,
                          const float (&sums)[Its::kColumns][4]) const {
    const int d = static_cast<int>(sizes.head_size);
    WHORL_UNROLL
    for (int i = 0; i < 2 * Its::kColumns; ++i) {
      const int c = i / 2 * 8 + grid.lane() % 4 * 2 + i % 2;
      if (c < d) dq.put(mine.row[h], mine.head[h] * d + c, sums[i / 2][2 * h + i % 2] * sizes.scale);
    }
  }
};

}  // namespace whorl::cuda
