#pragma once
// Attention of attention.h with its products over pairs of bfloat16: queries, keys, weights and values are
// rounded, sums, softmax and log-sum-exp stay float32. A block of keys is always multiplied whole: keys a
// query does not see have the weight zero, which adds exactly nothing, so a query's result knows neither its
// tile nor its chunk.
#include <cstdint>

#include "cpu/kernels/attention_lanes.h"

namespace whorl::cpu::WHORL_ISA {

static inline int64_t words_of(int64_t n) { return (n + 1) / 2; }

// Sixteen rows of `width` numbers, row(i) -> pointer or null for zeros, become columns of words:
// to[w * to_stride + i] holds numbers 2 w and 2 w + 1 of row i. Whether a row is there is asked once for all
// of them: else each load would be a jump.
template <class Row>
static inline void transpose_row_pairs(Row row, int64_t width, float* to, int64_t to_stride) {
  const float* from[16];
  bool all = true;
  for (int i = 0; i < 16; ++i) from[i] = row(i), all = all && from[i];
  for (int64_t d = 0; d < width; d += 2 * kLanes) {
    const int64_t low = at_most(width - d, kLanes), high = at_most(width - d - low, kLanes);
    Vec square[16];
    if (all && high == kLanes) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) square[i] = round_pairs(load(from[i] + d), load(from[i] + d + kLanes));
    } else {
      for (int i = 0; i < 16; ++i)
        square[i] = !from[i] ? zero()
                             : round_pairs(load_lanes(from[i] + d, low),
                                           high > 0 ? load_lanes(from[i] + d + low, high) : zero());
    }
    transpose(square);
    for (int64_t i = 0; i < words_of(low + high); ++i) store(to + (d / 2 + i) * to_stride, square[i]);
  }
}

// Rows 2 j and 2 j + 1 of `count` become row j of words: to[j * step + d]; rows past `count` are zeros, up to
// `rows` (even). row(i) -> pointer to `width` numbers.
template <class Row>
static inline void weave_rows(Row row, int64_t count, int64_t rows, int64_t width, float* to, int64_t step) {
  for (int64_t j = 0; j < rows; j += 2) {
    const float *const even = j < count ? row(j) : nullptr, *const odd = j + 1 < count ? row(j + 1) : nullptr;
    float* const words = to + j / 2 * step;
    if (odd)
      for_vectors(width, [&](int64_t d, int64_t lanes) {
        store(words + d, weave_pairs(load_lanes(even + d, lanes), load_lanes(odd + d, lanes)));
      });
    else
      for_vectors(width, [&](int64_t d, int64_t lanes) {
        store(words + d, weave_pairs(even ? load_lanes(even + d, lanes) : zero(), zero()));
      });
  }
}

constexpr int kCacheBytes = 2;

// The same from pages of pairs: words as they lie. What nobody wrote yet beside the last value is no number.
static inline void copy_key_pairs(const AttentionTile& t, int64_t first_key, int64_t keys,
                                  const int64_t* offsets, const AttentionScratch& s) {
  for_turned_keys(t.keys, first_key, keys, [&](int64_t j, const float* at) {
    for (int64_t w = 0; w < t.head_size / 2; ++w)
      store(s.keys + w * kKeyBlock + j, load(at + w * t.keys.page_size));
  });
  for (int64_t j = 0; j < kKeyBlock; j += 2)
    for_vectors(t.head_size, [&](int64_t d, int64_t lanes) {
      const Vec words = j < keys ? load_lanes(t.keys.v + offsets[j] + d, lanes) : zero();
      store(s.values + j / 2 * s.padded + d, j + 1 == keys ? first_of_pairs(words) : words);
    });
}

static inline void load_key_pairs(const AttentionTile& t, int64_t first_key, int64_t keys,
                                  const AttentionScratch& s) {
  int64_t offsets[kKeyBlock];
  key_offsets(t.keys, first_key, keys, offsets);
  if (t.keys.pairs) return copy_key_pairs(t, first_key, keys, offsets, s);
  if (t.keys.turned)
    for_turned_keys(t.keys, first_key, keys, [&](int64_t j, const float* at) {
      for (int64_t d = 0; d < t.head_size; d += 2) {
        const float* const word = at + d * t.keys.page_size;
        const Vec odd = d + 1 < t.head_size ? load(word + t.keys.page_size) : zero();
        store(s.keys + d / 2 * kKeyBlock + j, weave_pairs(load(word), odd));
      }
    });
  else
    for (int64_t j = 0; j < kKeyBlock; j += 16)
      transpose_row_pairs([&](int i) { return j + i < keys ? t.keys.k + offsets[j + i] : nullptr; },
                          t.head_size, s.keys + j, kKeyBlock);
  weave_rows([&](int64_t j) { return t.keys.v + offsets[j]; }, keys, kKeyBlock, t.head_size, s.values,
             s.padded);
}

static inline void attend_tile_pairs(const AttentionTile& t, const AttentionScratch& s, int64_t m, int rows,
                                     int64_t first_key) {
  const auto span_of = [&](int r) { return visible(t.first + (m + r) / t.group, t.window, first_key); };
  if (span_of(rows - 1).high <= 0 || span_of(0).low >= kKeyBlock) return;  // nothing visible to anyone
  const int64_t words = words_of(t.head_size);
  multiply_block<Bfloat16>(rows, Block{s.queries + m * words, rows, s.keys, kKeyBlock, kLanes,
                                       kKeyBlock / kLanes, words, nullptr, s.scores, kKeyBlock});
  float* out = s.out + m * s.padded;
  bool seen[16] = {};
  for (int r = 0; r < rows; ++r) {
    const Span span = span_of(r);
    seen[r] = span.low < span.high;
    if (seen[r])
      soften(s.scores + r * kKeyBlock, span, t.scale, s.most + m + r, s.sum + m + r, out + r * s.padded,
             s.padded);
  }
  transpose_row_pairs([&](int r) { return seen[r] ? s.scores + r * kKeyBlock : nullptr; }, kKeyBlock,
                      s.weights, 16);
  multiply_block<Bfloat16>(rows, Block{s.weights, 16, s.values, s.padded, kLanes, s.padded / kLanes,
                                       words_of(kKeyBlock), out, out, s.padded});
}

// Queries that share a row of scores, kLaneQueries at a time.
struct LaneTiles {
  int64_t queries, count;
  explicit LaneTiles(int64_t n) : queries(n), count((n + kLaneQueries - 1) / kLaneQueries) {}
  int64_t begin(int64_t i) const { return i * kLaneQueries; }
  int size(int64_t i) const { return static_cast<int>(at_most(queries - begin(i), kLaneQueries)); }
};

// Scores of keys that a query does not see become minus infinity; of all the first `computed` are scores.
static inline void hide_keys(float* scores, int64_t computed, const Views& views) {
  for (float* row = scores + computed * kLaneQueries; row < scores + kKeyBlock * kLaneQueries; row += kLanes)
    store(row, broadcast(-__builtin_inff()));
  for (int64_t j = 0; j < computed && !views.all; ++j)
    for (int64_t v = 0; v < kLaneQueries && !views.all_see(j); v += kLanes) {
      float* const score = scores + j * kLaneQueries + v;
      store(score, views.hide(load(score), v, j, lowest_where_less));
    }
}

// Sixteen queries' scores become weights, their earlier sums are scaled to the new maxima.
static inline void soften_queries(const AttentionScratch& s, float* scores, float* weights, float scale,
                                  int64_t m, int64_t queries) {
  const Lanes lanes = soften_lanes(scores, weights, scale, load(s.most + m));
  store(s.most + m, lanes.most);
  store(s.sum + m, add(mul(load(s.sum + m), lanes.keep), lanes.added));
  float keep[kLanes];
  store(keep, lanes.keep);
  for (int64_t r = 0; r < queries; ++r) {
    if (keep[r] == 1.0f) continue;
    float* const out = s.out + (m + r) * s.padded;
    const Vec factor = broadcast(keep[r]);
    for (int64_t d = 0; d < s.padded; d += kLanes) store(out + d, mul(load(out + d), factor));
  }
}

// As attend_tile_pairs, for more queries.
static inline void attend_lanes(const AttentionTile& t, const AttentionScratch& s, int64_t m, int queries,
                                int64_t first_key) {
  const auto span_of = [&](int64_t r) { return visible(t.first + (m + r) / t.group, t.window, first_key); };
  const int64_t seen = span_of(queries - 1).high;
  if (seen <= 0 || span_of(0).low >= kKeyBlock) return;  // nothing visible to anyone
  const int64_t words = words_of(t.head_size), vectors = (queries + kLanes - 1) / kLanes;
  multiply_square<Bfloat16>(seen, Block{s.keys, kKeyBlock, s.queries + m * words, kLaneQueries, kLanes,
                                        vectors, words, nullptr, s.scores, kLaneQueries});
  hide_keys(s.scores, seen, Views(queries, seen, span_of));
  for (int64_t v = 0; v < vectors * kLanes; v += kLanes)
    soften_queries(s, s.scores + v, s.weights + v, t.scale, m + v, at_most(queries - v, kLanes));
  float* const out = s.out + m * s.padded;
  multiply_square<Bfloat16>(queries, Block{s.weights, kLaneQueries, s.values, s.padded, kLanes,
                                           s.padded / kLanes, kKeyBlock / 2, out, out, s.padded});
}

constexpr int64_t kFewQueries = 8;  // as rows: side by side they would leave most lanes idle

static void attention_pairs(const AttentionTile& t) {
  const int64_t queries = t.rows * t.group, words = words_of(t.head_size);
  const auto few = [](auto row, int64_t width, float* to, int64_t step) {
    transpose_row_pairs(row, width, to, step);
  };
  if (queries <= kFewQueries)
    return walk_keys(t, RowTiles(queries), words, few, load_key_pairs, attend_tile_pairs);
  const auto turn = [](auto row, int64_t width, float* to, int64_t) {
    for (int v = 0; v < kLaneQueries; v += kLanes)
      transpose_row_pairs([&](int i) { return row(v + i); }, width, to + v, kLaneQueries);
  };
  walk_keys(t, LaneTiles(queries), words, turn, load_key_pairs, attend_lanes);
}

}  // namespace whorl::cpu::WHORL_ISA
