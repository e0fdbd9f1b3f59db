#pragma once
// Gradients of attention from its log-sum-exp: probabilities are made again, tile by tile. Two kernels, so
// that every number has one owner and one order of additions: dq by query, dk and dv by key.
#include "cuda/kernels/attention.h"

namespace whorl::cuda {

// delta [N, H] = sum over channels of dout * out: a warp per row and head.
struct AttentionDelta {
  static constexpr int kThreads = 128, kWarps = kThreads / 32;
  EitherRows dout, out;
  Dense<float> delta;
  int64_t heads = 0, head_size = 0;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t row = grid.block(), head = static_cast<int64_t>(grid.block_y()) * kWarps + grid.warp();
    if (head >= heads) return;  // a whole warp
    float sum = 0;
    for (int64_t c = grid.lane(); c < head_size; c += 32)
      sum = fmaf(dout.at(row, head * head_size + c), out.at(row, head * head_size + c), sum);
    sum = warp_sum(grid, sum);
    if (grid.lane() == 0) delta.row(row)[head] = sum;
  }
};

// What both kernels read, and their tiles of 32 others in shared memory.
struct AttentionGradientInputs {
  EitherRows q, k, v, dout;  // all of one kind
  Dense<const float> lse, delta;
  AttentionSizes sizes;
  static constexpr int kThreads = 128, kWarps = kThreads / 32, kMine = 2, kOwn = kWarps * kMine;

  static int64_t shared_bytes(int64_t d) {
    return 2 * (shared_size(kKeyTile * (d + 1) * 4) + shared_size(kOwn * d * 4) + shared_size(kKeyTile * 4));
  }

  // The probability of one pair of query and key from their product, and d loss / d score.
  WHORL_DEVICE static float probability(float product, float scale, float lse_of, bool seen) {
    return seen ? expf(product * scale - lse_of) : 0.0f;
  }
};

// a . b over d channels, a in a row of `own`, b in this lane's row of `tile`.
WHORL_DEVICE float dot_with_lane(Grid& grid, const Shared<float>& own, int64_t mine,
                                 const Shared<float>& tile, int64_t d) {
  float sum = 0;
  for (int64_t c = 0; c < d; ++c) sum = fmaf(own[mine * d + c], tile[grid.lane() * (d + 1) + c], sum);
  return sum;
}

// sums += over lanes j, in order, weight of lane j times row j of `tile`; this lane's channels.
template <int Parts>
WHORL_DEVICE void add_weighted(Grid& grid, float weight, const Shared<float>& tile, int64_t d,
                               float (&sums)[Parts]) {
  for (int j = 0; j < kKeyTile; ++j) {
    const float w = grid.shuffle(weight, j);
    for (int i = 0; i < Parts; ++i) {
      const int64_t c = grid.lane() + 32 * i;
      if (c < d) sums[i] = fmaf(w, tile[j * (d + 1) + c], sums[i]);
    }
  }
}

// dq of the queries of each piece; block_y() is the key/value head.
template <int Parts>
struct AttentionQueryGradient : AttentionGradientInputs {
  EitherOut dq;
  Global<const AttentionPiece> pieces;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t d = sizes.head_size, head = grid.block_y();
    const auto keys = grid.shared<float>(kKeyTile * (d + 1)), values = grid.shared<float>(kKeyTile * (d + 1)),
               queries = grid.shared<float>(kOwn * d), outer = grid.shared<float>(kOwn * d);
    const AttentionPiece piece = pieces[grid.block()];
    const int64_t count = piece.rows * sizes.group - piece.first;
    for (int64_t e = grid.thread(); e < kOwn * d; e += kThreads) {
      const int64_t at = piece.first + e / d, column = (head * sizes.group + at % sizes.group) * d + e % d;
      const bool there = e / d < count;
      queries[e] = there ? q.at(piece.row + at / sizes.group, column) : 0.0f;
      outer[e] = there ? dout.at(piece.row + at / sizes.group, column) : 0.0f;
    }
    const int64_t last = piece.first + (count < kOwn ? count : kOwn) - 1, end = last / sizes.group + 1;
    float sums[kMine][Parts] = {};
    for (int64_t first = sizes.first_key(piece.first / sizes.group) / kKeyTile * kKeyTile; first < end;
         first += kKeyTile) {
      grid.sync();
      for (int64_t e = grid.thread(); e < kKeyTile * d; e += kThreads) {
        const int64_t j = e / d, c = e % d, row = piece.row + first + j;
        const bool there = first + j < piece.rows;
        keys[j * (d + 1) + c] = there ? k.at(row, head * d + c) : 0.0f;
        values[j * (d + 1) + c] = there ? v.at(row, head * d + c) : 0.0f;
      }
      grid.sync();
      for (int i = 0; i < kMine; ++i) {
        const int mine = grid.warp() * kMine + i;
        if (mine >= count) continue;
        const int64_t at = piece.first + mine, position = at / sizes.group, key = first + grid.lane();
        const int64_t row = piece.row + position, its_head = head * sizes.group + at % sizes.group;
        const bool seen = key <= position && key >= sizes.first_key(position);
        const float p = probability(dot_with_lane(grid, queries, mine, keys, d), sizes.scale,
                                    lse.at(row, its_head), seen);
        const float dp = dot_with_lane(grid, outer, mine, values, d);
        add_weighted<Parts>(grid, p * (dp - delta.at(row, its_head)) * sizes.scale, keys, d, sums[i]);
      }
    }
    for (int i = 0; i < kMine; ++i) {
      const int64_t mine = grid.warp() * kMine + i, at = piece.first + mine;
      if (mine >= count) continue;
      for (int part = 0; part < Parts; ++part) {
        const int64_t c = grid.lane() + 32 * part;
        if (c < d)
          dq.put(piece.row + at / sizes.group, (head * sizes.group + at % sizes.group) * d + c,
                 sums[i][part]);
      }
    }
  }
};

// dk and dv of keys [first, first + kOwn) of each piece's sequence; block_y() is the key/value head. Queries
// come in the order of rows, within a row of heads.
template <int Parts>
struct AttentionKeyGradient : AttentionGradientInputs {
  EitherOut dk, dv;
  Global<const AttentionPiece> pieces;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t d = sizes.head_size, head = grid.block_y();
    const auto queries = grid.shared<float>(kKeyTile * (d + 1)),
               outer = grid.shared<float>(kKeyTile * (d + 1)), keys = grid.shared<float>(kOwn * d),
               values = grid.shared<float>(kOwn * d), lses = grid.shared<float>(kKeyTile),
               deltas = grid.shared<float>(kKeyTile);
    const AttentionPiece piece = pieces[grid.block()];
    const int64_t count = piece.rows - piece.first;
    for (int64_t e = grid.thread(); e < kOwn * d; e += kThreads) {
      const int64_t row = piece.row + piece.first + e / d;
      keys[e] = e / d < count ? k.at(row, head * d + e % d) : 0.0f;
      values[e] = e / d < count ? v.at(row, head * d + e % d) : 0.0f;
    }
    int64_t end = piece.rows;  // no row from here on sees these keys
    if (sizes.window > 0 && piece.first + kOwn - 1 + sizes.window < end)
      end = piece.first + kOwn - 1 + sizes.window;
    float key_sums[kMine][Parts] = {}, value_sums[kMine][Parts] = {};
    for (int64_t first = piece.first * sizes.group; first < end * sizes.group; first += kKeyTile) {
      grid.sync();
      for (int64_t e = grid.thread(); e < kKeyTile * d; e += kThreads) {
        const int64_t at = first + e / d, c = e % d, column = (head * sizes.group + at % sizes.group) * d + c;
        const bool there = at < piece.rows * sizes.group;
        queries[e / d * (d + 1) + c] = there ? q.at(piece.row + at / sizes.group, column) : 0.0f;
        outer[e / d * (d + 1) + c] = there ? dout.at(piece.row + at / sizes.group, column) : 0.0f;
      }
      if (grid.thread() < kKeyTile) {
        const int64_t at = first + grid.thread(), its_head = head * sizes.group + at % sizes.group;
        const bool there = at < piece.rows * sizes.group;
        lses[grid.thread()] = there ? lse.at(piece.row + at / sizes.group, its_head) : 0.0f;
        deltas[grid.thread()] = there ? delta.at(piece.row + at / sizes.group, its_head) : 0.0f;
      }
      grid.sync();
      for (int i = 0; i < kMine; ++i) {
        const int mine = grid.warp() * kMine + i;
        if (mine >= count) continue;
        const int64_t at = first + grid.lane(), position = at / sizes.group, key = piece.first + mine;
        const bool seen = position < piece.rows && key <= position && key >= sizes.first_key(position);
        const float p =
            probability(dot_with_lane(grid, keys, mine, queries, d), sizes.scale, lses[grid.lane()], seen);
        const float dp = dot_with_lane(grid, values, mine, outer, d);
        add_weighted<Parts>(grid, p, outer, d, value_sums[i]);
        add_weighted<Parts>(grid, p * (dp - deltas[grid.lane()]) * sizes.scale, queries, d, key_sums[i]);
      }
    }
    for (int i = 0; i < kMine; ++i) {
      const int64_t mine = grid.warp() * kMine + i, row = piece.row + piece.first + mine;
      if (mine >= count) continue;
      for (int part = 0; part < Parts; ++part) {
        const int64_t c = grid.lane() + 32 * part;
        if (c < d)
          dk.put(row, head * d + c, key_sums[i][part]), dv.put(row, head * d + c, value_sums[i][part]);
      }
    }
  }
};

}  // namespace whorl::cuda
