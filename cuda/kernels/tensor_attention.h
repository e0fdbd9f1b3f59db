#pragma once
// Causal attention, forward, of attention.h with its products on tensor cores: queries, keys, weights and
// values are rounded to bfloat16; sums, softmax and log-sum-exp stay float32. A warp owns sixteen queries; a
// tile of keys is multiplied whole, and keys that a query does not see get the weight zero, which adds
// exactly nothing.
//
// Order of additions: keys in tiles of 64 by position, tiles in spans of kSpan, spans one after another, so
// that here, too, a query's bits do not depend on the queries beside it, on pages, on chunks or on how spans
// were split.
#include "cuda/kernels/tensor_softmax.h"

namespace whorl::cuda {

// Stored: of keys and values in memory, float or bfloat16, which is what they are rounded to. Query: of
// queries, likewise; pages hold bfloat16 beside queries that are float.
template <int Channels, class Stored, class Query>
struct TensorAttention : AttentionCall {
  static constexpr int kThreads = 128, kWarps = kThreads / 32, kQueries = 16 * kWarps, kKeys = 64;
  static_assert(kSpan % kKeys == 0);
  using Its = Tile<Channels>;
  int64_t kept = kQueries;  // queries of a block that `partial` has room for

  static int64_t shared_bytes() { return Its::along_bytes(kKeys) + Its::across_bytes(kKeys); }

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto keys = grid.shared<uint32_t>(kKeys * Its::kAlong),
               values = grid.shared<uint32_t>(kKeys / 2 * Its::kAcross);
    const AttentionPiece piece = pieces[grid.block()];
    const auto heads = static_cast<int>(kv_heads), kv_head = grid.block_y() % heads,
               span = grid.block_y() / heads;
    const int64_t d = sizes.head_size;
    const WarpQueries mine(grid, piece, sizes, kv_head);
    uint32_t queries[Its::kSteps][4];
    load_rows<Channels>(grid, mine.of<Query>(q, 0, d), mine.of<Query>(q, 1, d), static_cast<int>(d), queries);
    const int64_t count = piece.rows * sizes.group - piece.first,
                  last = piece.first + (count < kQueries ? count : kQueries) - 1;
    auto begin = static_cast<int>(sizes.first_key(piece.past + piece.first / sizes.group) / kKeys * kKeys),
         end = static_cast<int>(piece.past + last / sizes.group + 1);
    if (partial) {
      begin = span * kSpan > begin ? span * kSpan : begin;
      end = (span + 1) * kSpan < end ? (span + 1) * kSpan : end;
    }
    TensorSoftmax<Channels> state, total;
    for (int first = begin; first < end; first += kKeys) {
      grid.sync();
      load(grid, piece, kv_head * d, first, keys, values);
      grid.sync();
      if (!mine.none_sees(first, kKeys)) step(grid, mine, first, queries, keys, values, state);
      if ((first + kKeys) % kSpan == 0 || first + kKeys >= end) state.close(grid, total);
    }
    WHORL_UNROLL
    for (int h = 0; h < 2; ++h)
      if (mine.there(h)) finish(grid, mine, h, span, total);
  }

  WHORL_DEVICE void load(Grid& grid, const AttentionPiece& piece, int64_t column, int first,
                         const Shared<uint32_t>& keys, const Shared<uint32_t>& values) const {
    const int d = static_cast<int>(sizes.head_size);
    const auto row_in = [&](const EitherRows& x, int i) {
      // Beyond its end a page holds anything.
      return first + i < piece.keys ? x.row<Stored>(source.row(piece, first + i)) + column
                                    : Global<const Stored>();
    };
    load_along<Channels, kKeys, kWarps>(grid, keys, d, [&](int i) { return row_in(source.k, i); });
    load_across<Channels, kKeys, kWarps>(grid, values, d, [&](int i) { return row_in(source.v, i); });
  }

  WHORL_DEVICE void step(Grid& grid, const WarpQueries& mine, int first,
                         const uint32_t (&queries)[Its::kSteps][4], const Shared<uint32_t>& keys,
                         const Shared<uint32_t>& values, TensorSoftmax<Channels>& state) const {
    float scores[kKeys / 8][4] = {};
    WHORL_UNROLL
    for (int i = 0; i < Its::kSteps; ++i) multiply_along<Channels>(grid, queries[i], keys, i, scores);
    state.soften(grid, mine, first, sizes.scale * kLog2E, scores);
    multiply_across<Channels>(grid, scores, values, state.values);
  }

  WHORL_DEVICE void finish(Grid& grid, const WarpQueries& mine, int h, int span,
                           const TensorSoftmax<Channels>& total) const {
    const int d = static_cast<int>(sizes.head_size), lane = grid.lane();
    Global<float> to;
    if (partial) {
      const int64_t block = grid.block() * kv_heads + grid.block_y() % kv_heads,
                    query = grid.warp() * 16 + lane / 4 + 8 * h;
      to = partial + ((block * kept + query) * spans + span) * (2 + d);
      if (lane % 4 == 0) to[0] = total.most[h], to[1] = total.sum[h];
      to = to + 2;
    } else if (lse.data && lane % 4 == 0) {
      lse.row(mine.row[h])[mine.head[h]] = (total.most[h] + log2f(total.sum[h])) * kLn2;
    }
    WHORL_UNROLL
    for (int i = 0; i < 2 * Its::kColumns; ++i) {
      const int c = i / 2 * 8 + lane % 4 * 2 + i % 2;
      const float value = total.values[i / 2][2 * h + i % 2];
      if (c >= d) continue;
      if (partial)
        to[c] = value;
      else
        put(mine.row[h], mine.head[h] * d + c, weighted_mean(value, total.sum[h]));
    }
  }
};

// The spans of each query, merged in order: a warp per query.
struct TensorAttentionMerge : AttentionCall {
  static constexpr int kThreads = 128, kWarps = kThreads / 32, kMostParts = 4;
  int64_t kept = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const AttentionPiece piece = pieces[grid.block()];
    const int64_t kv_head = grid.block_y() % kv_heads,
                  mine = grid.block_y() / kv_heads * kWarps + grid.warp();
    if (mine >= kept || piece.first + mine >= piece.rows * sizes.group) return;  // a whole warp
    const int64_t d = sizes.head_size, query = (grid.block() * kv_heads + kv_head) * kept + mine;
    float most = -INFINITY, sum = 0, values[kMostParts] = {};
    for (int64_t span = 0; span < spans; ++span) {
      const auto from = partial + (query * spans + span) * (2 + d);
      const MergedParts parts(most, sum, from[0], from[1]);
      most = parts.most, sum = fmaf(sum, parts.mine, from[1] * parts.its);
      for (int i = 0; i < kMostParts; ++i) {
        const int64_t c = grid.lane() + 32 * i;
        if (c < d) values[i] = fmaf(values[i], parts.mine, from[2 + c] * parts.its);
      }
    }
    const int64_t at = piece.first + mine;
    const int64_t row = piece.row + at / sizes.group, first = (kv_head * sizes.group + at % sizes.group) * d;
    for (int i = 0; i < kMostParts; ++i)
      if (grid.lane() + 32 * i < d) put(row, first + grid.lane() + 32 * i, weighted_mean(values[i], sum));
  }
};

}  // namespace whorl::cuda
