#pragma once
// Scores laid out a key a row, sixteen queries side by side: maxima and sums of a query run down its lane,
// and two rows of weights become words of two keys where they lie, so that nothing is turned. Every number,
// and every sum in its order, is that of soften() over a row, bit for bit.
#include <cstdint>

#include "cpu/kernels/attention.h"

namespace whorl::cpu::WHORL_ISA {

// Which of up to 64 queries see what of a block's first `keys` keys; span_of(i) is the view of query i. The
// bounds of each are worked out only where not all see all.
struct Views {
  float low[64], high[64];
  int64_t all_from, all_to;  // keys that all of them see
  bool all;                  // all of the block's
  template <class SpanOf>
  Views(int64_t queries, int64_t keys, SpanOf span_of)
      : all_from(span_of(queries - 1).low), all_to(span_of(0).high) {
    all = all_from <= 0 && all_to >= keys;
    if (all) return;
    for (int64_t i = 0; i < 64; ++i) {
      const Span span = span_of(at_most(i, queries - 1));
      low[i] = static_cast<float>(span.low), high[i] = static_cast<float>(span.high);
    }
  }
  bool all_see(int64_t key) const { return key >= all_from && key < all_to; }
  // value, but what `where_less` puts in its place for the sixteen queries from `query` on that do not see
  // it.
  template <class Replace>
  Vec hide(Vec value, int64_t query, int64_t key, Replace where_less) const {
    const Vec late = where_less(value, broadcast(static_cast<float>(key)), load(low + query));
    return where_less(late, load(high + query), broadcast(static_cast<float>(key + 1)));
  }
};

// Of sixteen queries, what a block of keys does to them.
struct Lanes {
  Vec most;  // the new maximum
  Vec keep;  // what earlier sums are scaled by, 1 where the maximum stayed
  Vec added;
};

// The largest of a column's scores, scaled. Rows lie kLaneQueries apart.
static inline Vec highest_of(const float* scores, Vec scale) {
  Vec most[4];
  for (int64_t j = 0; j < 4; ++j) most[j] = mul(load(scores + j * kLaneQueries), scale);
  for (int64_t key = 4; key < kKeyBlock; key += 4)
#pragma GCC unroll 4
    for (int64_t j = 0; j < 4; ++j)
      most[j] = max(most[j], mul(load(scores + (key + j) * kLaneQueries), scale));
  return max(max(most[0], most[1]), max(most[2], most[3]));
}

// Weights exp(score - most) of two keys: as words of both, and each.
static inline __attribute__((always_inline)) void weigh_two(const float* scores, Vec scale, Vec shift,
                                                            float* words, Vec (&weight)[2]) {
#pragma GCC unroll 2
  for (int64_t j = 0; j < 2; ++j) weight[j] = exp(sub(mul(load(scores + j * kLaneQueries), scale), shift));
  store(words, weave_pairs(weight[0], weight[1]));
}

// The sum is soften()'s tree: numbers 16 apart, then halves of sixteen.
static inline Lanes soften_lanes(const float* scores, float* words, float scale, Vec most) {
  // The least finite number: a query that has seen no key yet weighs nothing by it, and not NaN.
  const Vec factor = broadcast(scale), least = broadcast(-3.402823466e38f);
  Lanes result{max(most, highest_of(scores, factor)), zero(), zero()};
  const Vec shift = max(result.most, least);
  result.keep = exp(sub(most, shift));
  Vec eighths[8];
  for (int64_t l = 0; l < 8; l += 2) {
    Vec halves[2][2];
#pragma GCC unroll 2
    for (int64_t half = 0; half < 2; ++half) {
      Vec w[4][2];
#pragma GCC unroll 4
      for (int64_t i = 0; i < 4; ++i) {
        const int64_t key = 16 * i + 8 * half + l;
        weigh_two(scores + key * kLaneQueries, factor, shift, words + key / 2 * kLaneQueries, w[i]);
      }
#pragma GCC unroll 2
      for (int64_t j = 0; j < 2; ++j) halves[half][j] = add(add(w[0][j], w[1][j]), add(w[2][j], w[3][j]));
    }
    eighths[l] = add(halves[0][0], halves[1][0]), eighths[l + 1] = add(halves[0][1], halves[1][1]);
  }
  Vec fours[4];
  for (int64_t l = 0; l < 4; ++l) fours[l] = add(eighths[l], eighths[l + 4]);
  result.added = add(add(fours[0], fours[2]), add(fours[1], fours[3]));
  return result;
}

}  // namespace whorl::cpu::WHORL_ISA
