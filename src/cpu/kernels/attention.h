#pragma once
// Causal attention with an online softmax (Dao et al. 2022, algorithm 1). A query meets the blocks of keys in
// order of position, and within a block its sums run from its first visible key to its last; which other
// queries share its tile changes nothing, so a whole sequence, its chunks and a single decoded row agree in
// every bit.
#include <cstdint>

#include "cpu/kernels/attention_parts.h"

namespace whorl::cpu::WHORL_ISA {

// Query m of a tile is row m / group, head m % group.
struct AttentionScratch {
  float* queries;        // per tile [D][its queries, or kLaneQueries]
  float* out;            // [M][padded D]
  float *keys, *values;  // [D][64] and [64][padded D]
  float* scores;         // [16][64] or [64][kLaneQueries]
  float* weights;        // words of two keys, [32][16] or [32][kLaneQueries]
  float *most, *sum;     // [whole tiles of queries]
  int64_t padded;

  AttentionScratch(float* memory, int64_t m, int64_t d) : padded(round_up(d, kLanes)) {
    const int64_t whole = round_up(m, kLaneQueries);
    queries = memory, memory += whole * d + 16;
    out = memory, memory += m * padded;
    keys = memory, memory += d * kKeyBlock;
    values = memory, memory += padded * kKeyBlock;
    scores = memory, memory += kLaneQueries * kKeyBlock;
    weights = memory, memory += kLaneQueries * kKeyBlock / 2;
    most = memory, memory += whole;
    sum = memory;
  }
};

static int64_t attention_scratch(int64_t m, int64_t d) {
  const int64_t padded = round_up(d, kLanes), whole = round_up(m, kLaneQueries);
  return whole * d + 16 + m * padded + (d + padded) * kKeyBlock + 3 * kLaneQueries * kKeyBlock / 2 +
         2 * whole;
}

// Rows of a paged cache are too short and too far apart for the hardware to guess the next block. Inlined by
// force: GCC takes a function that only prefetches for one without effect and drops the call.
static inline __attribute__((always_inline)) void prefetch_keys(const AttentionTile& t, int64_t first_key,
                                                                int64_t keys) {
  if (keys <= 0 || !t.keys.pages) return;
  int64_t offsets[kKeyBlock];
  key_offsets(t.keys, first_key, keys, offsets);
  const int64_t group = t.keys.pairs ? 2 : 1;
  for (int64_t j = 0; j < keys; j += group)
    for (int64_t d = 0; d < t.head_size; d += kLanes) {
      if (!t.keys.turned) __builtin_prefetch(t.keys.k + offsets[j] + d, 0, 2);
      __builtin_prefetch(t.keys.v + offsets[j] + d, 0, 2);
    }
  if (!t.keys.turned) return;
  for_turned_keys(t.keys, first_key, keys, [&](int64_t, const float* at) {
    for (int64_t d = 0; d < t.head_size / group; ++d) __builtin_prefetch(at + d * t.keys.page_size, 0, 2);
  });
}

static inline void load_key_block(const AttentionTile& t, int64_t first_key, int64_t keys,
                                  const AttentionScratch& s) {
  int64_t offsets[kKeyBlock];
  key_offsets(t.keys, first_key, keys, offsets);
  if (t.keys.turned)
    for_turned_keys(t.keys, first_key, keys, [&](int64_t j, const float* at) {
      for (int64_t d = 0; d < t.head_size; ++d)
        store(s.keys + d * kKeyBlock + j, load(at + d * t.keys.page_size));
    });
  else
    for (int64_t j = 0; j < kKeyBlock; j += 16)
      transpose_rows([&](int i) { return j + i < keys ? t.keys.k + offsets[j + i] : nullptr; }, t.head_size,
                     s.keys + j, kKeyBlock);
  for (int64_t j = 0; j < keys; ++j) copy_padded(t.keys.v + offsets[j], t.head_size, s.values + j * s.padded);
}

// Visible keys of a query within the block that starts at first_key: [low, high).
struct Span {
  int64_t low, high;
};
static inline Span visible(int64_t position, int64_t window, int64_t first_key) {
  const int64_t low = window > 0 ? at_least(position - window + 1 - first_key, 0) : 0;
  return {low, at_most(position - first_key + 1, kKeyBlock)};
}

// Scores become weights exp(score - max); earlier sums are scaled to the new maximum.
static inline void soften(float* scores, Span span, float scale, float* most, float* sum, float* out,
                          int64_t padded) {
  for (int64_t j = 0; j < span.low; ++j) scores[j] = -__builtin_inff();
  for (int64_t j = span.high; j < kKeyBlock; ++j) scores[j] = -__builtin_inff();
  Vec s[4];
  const Vec factor = broadcast(scale);
  for (int i = 0; i < 4; ++i) s[i] = mul(load(scores + i * kLanes), factor);
  const float highest = reduce_max(max(max(s[0], s[1]), max(s[2], s[3])));
  const Vec shift = broadcast(highest > *most ? highest : *most);
  for (int i = 0; i < 4; ++i) {
    s[i] = exp(sub(s[i], shift));
    store(scores + i * kLanes, s[i]);
  }
  const float added = reduce_add(add(add(s[0], s[1]), add(s[2], s[3])));
  if (!(highest > *most)) {  // times exp(0) = 1
    *sum += added;
    return;
  }
  float rescale[kLanes];
  const Vec keep = exp(sub(broadcast(*most), shift));
  store(rescale, keep);
  *sum = *sum * rescale[0] + added;
  *most = highest;
  for (int64_t d = 0; d < padded; d += kLanes) store(out + d, mul(load(out + d), keep));
}

// out[r] += weights of keys [low, high) times their values, for `rows` queries from row r on.
static inline void add_values(const AttentionScratch& s, float* out, int row, int rows, int64_t low,
                              int64_t high) {
  if (low >= high) return;
  float* c = out + row * s.padded;
  multiply_block<ScoreRows>(rows, Block{s.scores + row * kKeyBlock + low, 1, s.values + low * s.padded,
                                        s.padded, kLanes, s.padded / kLanes, high - low, c, c, s.padded});
}

static inline void attend_tile(const AttentionTile& t, const AttentionScratch& s, int64_t m, int rows,
                               int64_t first_key) {
  const auto span_of = [&](int r) { return visible(t.first + (m + r) / t.group, t.window, first_key); };
  const Span first = span_of(0), last = span_of(rows - 1);
  if (last.high <= 0 || first.low >= kKeyBlock) return;  // nothing visible to anyone
  // Whole vectors of keys, up to the last that anyone sees.
  multiply_block<Float32>(
      rows, Block{s.queries + m * t.head_size, rows, s.keys, kKeyBlock, kLanes,
                  (last.high + kLanes - 1) / kLanes, t.head_size, nullptr, s.scores, kKeyBlock});
  float* out = s.out + m * s.padded;
  for (int r = 0; r < rows; ++r) {
    const Span span = span_of(r);
    if (span.low < span.high)
      soften(s.scores + r * kKeyBlock, span, t.scale, s.most + m + r, s.sum + m + r, out + r * s.padded,
             s.padded);
  }
  // Keys that all queries of the tile see go together, the ragged edges row by row: a chain of additions is
  // then exactly as long as its query's view.
  const int64_t low = last.low, high = first.high;
  const bool together = low < high;
  for (int r = 0; r < rows; ++r) add_values(s, out, r, 1, span_of(r).low, together ? low : span_of(r).high);
  if (!together) return;
  add_values(s, out, 0, rows, low, high);
  for (int r = 0; r < rows; ++r) add_values(s, out, r, 1, high, span_of(r).high);
}

static inline void finish_query(const AttentionTile& t, const AttentionScratch& s, int64_t m) {
  const int64_t row = m / t.group, head = m % t.group;
  const Vec inverse = broadcast(1.0f / s.sum[m]);
  float* out = t.out + row * t.out_stride + head * t.head_size;
  const float* from = s.out + m * s.padded;
  for_vectors(t.head_size,
              [&](int64_t d, int64_t lanes) { store_lanes(out + d, mul(load(from + d), inverse), lanes); });
  if (t.lse) t.lse[row * t.lse_stride + head] = s.most[m] + __builtin_logf(s.sum[m]);
}

// The walk over blocks of keys. Turn lays a tile's queries down for the products, at `width` numbers a query;
// Load takes a block of keys, Attend a tile of queries against it.
template <class Tiles, class Turn, class Load, class Attend>
static inline void walk_keys(const AttentionTile& t, const Tiles& tiles, int64_t width, Turn turn,
                             Load load_block, Attend attend) {
  const int64_t queries = t.rows * t.group;
  const AttentionScratch s(t.scratch, queries, t.head_size);
  for (int64_t i = 0; i < tiles.count; ++i) {
    const int64_t m = tiles.begin(i);
    const int rows = tiles.size(i);
    // Sixteen wide at a step of `rows`: surplus lanes are overwritten by what follows.
    turn(
        [&](int r) {
          return r < rows ? t.q + (m + r) / t.group * t.q_stride + (m + r) % t.group * t.head_size : nullptr;
        },
        t.head_size, s.queries + m * width, rows);
  }
  for (int64_t m = 0; m < round_up(queries, kLaneQueries); ++m) s.most[m] = -__builtin_inff(), s.sum[m] = 0;
  for (int64_t i = 0; i < queries * s.padded; ++i) s.out[i] = 0;
  const int64_t end = t.first + t.rows;
  const int64_t begin = t.window > 0 ? at_least(t.first - t.window + 1, 0) / kKeyBlock * kKeyBlock : 0;
  for (int64_t key = begin; key < end; key += kKeyBlock) {
    load_block(t, key, at_most(end - key, kKeyBlock), s);
    prefetch_keys(t, key + kKeyBlock, at_most(end - key - kKeyBlock, kKeyBlock));
    for (int64_t i = 0; i < tiles.count; ++i) attend(t, s, tiles.begin(i), tiles.size(i), key);
  }
  for (int64_t m = 0; m < queries; ++m) finish_query(t, s, m);
}

static void attention(const AttentionTile& t) {
  const auto turn = [](auto row, int64_t width, float* to, int64_t step) {
    transpose_rows(row, width, to, step);
  };
  walk_keys(t, RowTiles(t.rows * t.group), t.head_size, turn, load_key_block, attend_tile);
}

}  // namespace whorl::cpu::WHORL_ISA
