#pragma once
// Causal attention, forward: the matrix of scores never exists. A warp owns a query (a row with one of the
// heads that read a key/value head); its lanes hold 32 keys for the scores and the head's channels for the
// sums. All queries of a block share the tiles of keys in shared memory.
//
// Order of additions: keys in tiles of 32 by position, tiles in spans of kSpan, spans one after another. A
// query's bits therefore do not depend on the queries beside it, on pages, on chunks, nor on whether spans
// ran in one block or in several.
#include "cuda/kernels/elementwise.h"

namespace whorl::cuda {

inline constexpr int kKeyTile = 32, kSpan = 128;

// Queries [first, first + kQueries) of a sequence, counted row by row, within a row head by head.
struct AttentionPiece {
  int64_t row = 0, rows = 0;  // the sequence's rows in this batch
  int64_t first = 0;
  int64_t past = 0;     // position of its first row here
  int64_t keys = 0;     // keys it has, all positions
  int64_t key_row = 0;  // row of k and v that holds position 0
  int64_t pages = 0;    // or where its page list begins
};

struct AttentionSizes {
  int64_t head_size = 0, group = 1;
  int64_t window = 0;
  float scale = 0;
  WHORL_DEVICE int64_t first_key(int64_t position) const {
    return window > 0 && position >= window ? position - window + 1 : 0;
  }
};

// Rows of keys and values, dense or in pages; pages for tensor cores hold them rounded
// (Backend::cache_dtype).
struct KeyRows {
  EitherRows k, v;
  Global<const int32_t> page_list;
  int64_t page_size = 0;
  WHORL_DEVICE int64_t row(const AttentionPiece& piece, int64_t position) const {
    if (page_size == 0) return piece.key_row + position;
    // Positions are 32-bit: a 64-bit division is a hundred instructions on a device.
    const auto at = static_cast<uint32_t>(position), size = static_cast<uint32_t>(page_size);
    return page_list[piece.pages + at / size] * page_size + at % size;
  }
};

// Softmax in progress: the largest score, the sum of exponentials, the weighted sum of values (this lane's
// part).
template <int Parts>
struct Online {
  float most = -INFINITY, sum = 0, values[Parts] = {};

  WHORL_DEVICE void merge(const Online& next) {
    if (next.most == -INFINITY) return;
    if (most == -INFINITY) {
      *this = next;
      return;
    }
    const float top = next.most > most ? next.most : most, mine = expf(most - top),
                its = expf(next.most - top);
    most = top;
    sum = fmaf(sum, mine, next.sum * its);
    for (int i = 0; i < Parts; ++i) values[i] = fmaf(values[i], mine, next.values[i] * its);
  }
};

// Without `partial` a block walks all spans and writes `out`; with it, block_y() also chooses one span, whose
// state goes to partial [block][query][span][2 + head_size].
struct AttentionCall {
  EitherRows q;
  KeyRows source;
  EitherOut out;
  Dense<float> lse;         // may be empty
  Dense<uint16_t> rounded;  // out again, as bfloat16; may be empty
  Global<const AttentionPiece> pieces;
  AttentionSizes sizes;
  int64_t kv_heads = 1, spans = 1;
  Global<float> partial;

  WHORL_DEVICE void put(int64_t row, int64_t column, float value) const {
    out.put(row, column, value);
    if (rounded.data) rounded.row(row)[column] = to_bfloat16(value);
  }
};

// Parts: channels of a head per lane, rounded up.
template <int Parts>
struct Attention : AttentionCall {
  static constexpr int kThreads = 128, kWarps = kThreads / 32, kMine = 4, kQueries = kWarps * kMine;

  static int64_t shared_bytes(int64_t d) {
    return shared_size(kKeyTile * (d + 1) * 4) + shared_size(kKeyTile * d * 4) +
           shared_size(kQueries * d * 4);
  }

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t d = sizes.head_size, pitch = d + 1;
    const auto k = grid.shared<float>(kKeyTile * pitch), v = grid.shared<float>(kKeyTile * d),
               queries = grid.shared<float>(kQueries * d);
    const AttentionPiece piece = pieces[grid.block()];
    const int64_t head = grid.block_y() % kv_heads, span = grid.block_y() / kv_heads;
    const int64_t count = piece.rows * sizes.group - piece.first;
    for (int64_t e = grid.thread(); e < kQueries * d; e += kThreads) {
      const int64_t at = piece.first + e / d;
      queries[e] = e / d < count ? q.at(piece.row + at / sizes.group,
                                        (head * sizes.group + at % sizes.group) * d + e % d)
                                 : 0.0f;
    }
    const int64_t last = piece.first + (count < kQueries ? count : kQueries) - 1;
    int64_t begin = sizes.first_key(piece.past + piece.first / sizes.group) / kKeyTile * kKeyTile;
    int64_t end = piece.past + last / sizes.group + 1;
    if (partial) {
      begin = span * kSpan > begin ? span * kSpan : begin;
      end = (span + 1) * kSpan < end ? (span + 1) * kSpan : end;
    }
    Online<Parts> states[kMine], totals[kMine];
    for (int64_t first = begin; first < end; first += kKeyTile) {
      grid.sync();
      load(grid, piece, head, first, k, v);
      grid.sync();
      for (int i = 0; i < kMine; ++i)
        if (grid.warp() * kMine + i < count)
          step(grid, piece, grid.warp() * kMine + i, first, k, v, queries, states[i]);
      if ((first + kKeyTile) % kSpan != 0 && first + kKeyTile < end) continue;
      for (int i = 0; i < kMine; ++i) totals[i].merge(states[i]), states[i] = Online<Parts>();
    }
    for (int i = 0; i < kMine; ++i)
      if (grid.warp() * kMine + i < count)
        finish(grid, piece, grid.warp() * kMine + i, head, span, totals[i]);
  }

  WHORL_DEVICE void load(Grid& grid, const AttentionPiece& piece, int64_t head, int64_t first,
                         const Shared<float>& k, const Shared<float>& v) const {
    const int64_t d = sizes.head_size;
    for (int64_t e = grid.thread(); e < kKeyTile * d; e += kThreads) {
      const int64_t j = e / d, c = e % d;
      const bool there = first + j < piece.keys;  // beyond its end a page holds anything
      const int64_t row = there ? source.row(piece, first + j) : 0;
      k[j * (d + 1) + c] = there ? source.k.at(row, head * d + c) : 0.0f;
      v[e] = there ? source.v.at(row, head * d + c) : 0.0f;
    }
  }

  // One tile of keys for one query.
  WHORL_DEVICE void step(Grid& grid, const AttentionPiece& piece, int mine, int64_t first,
                         const Shared<float>& k, const Shared<float>& v, const Shared<float>& queries,
                         Online<Parts>& state) const {
    const int64_t d = sizes.head_size, position = piece.past + (piece.first + mine) / sizes.group;
    const int64_t key = first + grid.lane();
    if (first > position || first + kKeyTile <= sizes.first_key(position)) return;  // the whole warp
    float score = 0;
    for (int64_t c = 0; c < d; ++c) score = fmaf(queries[mine * d + c], k[grid.lane() * (d + 1) + c], score);
    const bool seen = key <= position && key >= sizes.first_key(position);
    score = seen ? score * sizes.scale : -INFINITY;
    const float tile = warp_max(grid, score), most = tile > state.most ? tile : state.most;
    const float kept = expf(state.most - most), p = seen ? expf(score - most) : 0.0f;
    state.most = most;
    state.sum = fmaf(state.sum, kept, warp_sum(grid, p));
    for (int i = 0; i < Parts; ++i) state.values[i] *= kept;
    for (int j = 0; j < kKeyTile; ++j) {
      const float weight = grid.shuffle(p, j);
      for (int i = 0; i < Parts; ++i) {
        const int64_t c = grid.lane() + 32 * i;
        if (c < d) state.values[i] = fmaf(weight, v[j * d + c], state.values[i]);
      }
    }
  }

  WHORL_DEVICE void finish(Grid& grid, const AttentionPiece& piece, int mine, int64_t head, int64_t span,
                           const Online<Parts>& state) const {
    const int64_t d = sizes.head_size, at = piece.first + mine, row = piece.row + at / sizes.group,
                  its_head = head * sizes.group + at % sizes.group;
    if (partial) {
      const auto to =
          partial + (((grid.block() * kv_heads + head) * kQueries + mine) * spans + span) * (2 + d);
      if (grid.lane() == 0) to[0] = state.most, to[1] = state.sum;
      for (int i = 0; i < Parts; ++i)
        if (grid.lane() + 32 * i < d) to[2 + grid.lane() + 32 * i] = state.values[i];
      return;
    }
    write(grid, row, its_head, state);
  }

  WHORL_DEVICE void write(Grid& grid, int64_t row, int64_t its_head, const Online<Parts>& state) const {
    for (int i = 0; i < Parts; ++i) {
      const int64_t c = grid.lane() + 32 * i;
      if (c < sizes.head_size) put(row, its_head * sizes.head_size + c, state.values[i] / state.sum);
    }
    if (lse.data && grid.lane() == 0) lse.row(row)[its_head] = state.most + logf(state.sum);
  }
};

// The spans of each query, merged in order: a warp per query, the same blocks as Attention.
template <int Parts>
struct AttentionMerge : Attention<Parts> {
  using Base = Attention<Parts>;
  using Base::sizes;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const AttentionPiece piece = this->pieces[grid.block()];
    const int64_t d = sizes.head_size, head = grid.block_y(), count = piece.rows * sizes.group - piece.first;
    for (int i = 0; i < Base::kMine; ++i) {
      const int mine = grid.warp() * Base::kMine + i;
      if (mine >= count) return;
      Online<Parts> total;
      for (int64_t span = 0; span < this->spans; ++span) {
        const auto from =
            this->partial +
            (((grid.block() * this->kv_heads + head) * Base::kQueries + mine) * this->spans + span) * (2 + d);
        Online<Parts> next;
        next.most = from[0], next.sum = from[1];
        for (int p = 0; p < Parts; ++p)
          next.values[p] = grid.lane() + 32 * p < d ? from[2 + grid.lane() + 32 * p] : 0.0f;
        total.merge(next);
      }
      const int64_t at = piece.first + mine;
      this->write(grid, piece.row + at / sizes.group, head * sizes.group + at % sizes.group, total);
    }
  }
};

// Rows of k and v into their places in the pages; a row whose slot is negative has none.
template <class Stored>
struct WritePages {
  static constexpr int kThreads = 256;
  Dense<const float> k, v;
  Dense<Stored> keys, values;
  Global<const int32_t> slots;
  int64_t columns = 0;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t c = static_cast<int64_t>(grid.block_y()) * kThreads + grid.thread();
    const int64_t slot = slots[grid.block()];
    if (c >= columns || slot < 0) return;
    store(keys.row(slot)[c], k.at(grid.block(), c));
    store(values.row(slot)[c], v.at(grid.block(), c));
  }
};

// The same after the rotation of queries and keys, which both stay where they are. A thread has a pair of
// queries, a pair of keys or a value.
template <class Stored>
struct RopeIntoPages : EachElement {
  Turn turn;
  EitherOut q, k;
  WritePages<Stored> write;
  int64_t query_pairs = 0, key_pairs = 0;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t row = grid.block(), c = column(grid), slot = write.slots[row];
    if (c >= columns) return;
    if (c < query_pairs) return turn(q, row, c);
    const int64_t pair = c - query_pairs;
    if (pair < key_pairs) {
      turn(k, row, pair);
      if (slot < 0) return;
      const int64_t first = turn.column(pair), second = first + turn.half;
      store(write.keys.row(slot)[first], k.at(row, first));
      store(write.keys.row(slot)[second], k.at(row, second));
    } else if (slot >= 0) {
      store(write.values.row(slot)[pair - key_pairs], write.v.at(row, pair - key_pairs));
    }
  }
};

}  // namespace whorl::cuda
