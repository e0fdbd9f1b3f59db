#pragma once
// The backward pass of attention_gradient.h with its five products over pairs of bfloat16; sums are float32.
// Scores lie a key a row, so that weights and their gradients become words of two queries by rounding alone,
// and words of two keys by weaving two rows: nothing is turned.
#include <cstdint>

#include "cpu/kernels/attention_gradient.h"
#include "cpu/kernels/attention_pairs.h"

namespace whorl::cpu::WHORL_ISA {

template <class Row>
static inline void transpose_block_pairs(Row row, int64_t width, float* to) {
  for (int j = 0; j < 64; j += 16) transpose_row_pairs([&](int i) { return row(j + i); }, width, to + j, 64);
}

static inline void load_query_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                    int64_t count) {
  const int64_t d = g.head_size;
  const auto q = [&](int64_t i) { return i < count ? query_at(g, g.q, g.q_stride, m + i) : nullptr; };
  const auto dout = [&](int64_t i) {
    return i < count ? query_at(g, g.dout, g.dout_stride, m + i) : nullptr;
  };
  transpose_block_pairs(q, d, s.queries_t);
  transpose_block_pairs(dout, d, s.douts_t);
  weave_rows(q, count, 64, d, s.queries, s.padded);
  weave_rows(dout, count, 64, d, s.douts, s.padded);
  load_sums(g, s, m, count);
  // Lanes past the last query weigh nothing.
  for (int64_t i = count; i < 64; ++i) s.lse[i] = __builtin_inff(), s.delta[i] = 0;
}

static inline void load_gradient_key_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t key,
                                           int64_t count) {
  const auto k = [&](int64_t j) { return j < count ? g.k + (key + j) * g.k_stride : nullptr; };
  transpose_block_pairs(k, g.head_size, s.keys_t);
  transpose_block_pairs([&](int64_t j) { return j < count ? g.v + (key + j) * g.v_stride : nullptr; },
                        g.head_size, s.values_t);
  weave_rows(k, count, 64, g.head_size, s.keys, s.padded);
}

// Rows of 64 words as they lie, the sum running along them.
struct WordRows : Bfloat16 {
  static constexpr int64_t kRowStep = 64;
  template <int R, int V>
  static inline __attribute__((always_inline)) void reduce(Vec (&acc)[R][V], const Tile& t) {
    reduce_words<WordRows, R, V>(acc, t);
  }
};

// One key's scores and the gradients of its weights with 32 queries, in place: now words of two queries each
// of weights and of scores' gradients, which come back whole too.
struct KeyGradient {
  Vec scale;
  const GradientScratch& s;
  const Views& views;
  void run(int64_t key, int64_t query, float* weights, float* dscores, Vec (&d)[2]) const {
    Vec p[2];
#pragma GCC unroll 2
    for (int64_t v = 0; v < 2; ++v) {
      const int64_t i = query + v * kLanes;
      const Vec weight = exp(sub(mul(load(weights + i), scale), load(s.lse + i)));
      const Vec slope = mul(mul(weight, sub(load(dscores + i), load(s.delta + i))), scale);
      const bool all = views.all_see(key);
      p[v] = all ? weight : views.hide(weight, i, key, zero_where_less);
      d[v] = all ? slope : views.hide(slope, i, key, zero_where_less);
    }
    store(weights + query / 2, round_pairs(p[0], p[1]));
    store(dscores + query / 2, round_pairs(d[0], d[1]));
  }
};

// As differentiate_scores, a key a row; dscores_t gets words of two keys each, up to `width` of them.
static inline void differentiate_keys(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                      int64_t count, int64_t key, int64_t seen, int64_t width) {
  const Views views(count, seen, [&](int64_t i) { return visible((m + i) / g.group, g.window, key); });
  const KeyGradient one{broadcast(g.scale), s, views};
  for (int64_t j = 0; j < width; j += 2)
    for (int64_t i = 0; i < count; i += 2 * kLanes) {
      Vec even[2] = {zero(), zero()}, odd[2] = {zero(), zero()};
      if (j < seen) one.run(j, i, s.weights + j * 64, s.dscores + j * 64, even);
      if (j + 1 < seen) one.run(j + 1, i, s.weights + (j + 1) * 64, s.dscores + (j + 1) * 64, odd);
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v)
        store(s.dscores_t + j / 2 * 64 + i + v * kLanes, weave_pairs(even[v], odd[v]));
    }
}

static inline void attend_gradient_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                         int64_t count, int64_t key, int64_t keys) {
  // Keys behind the last query's view would only add zeros.
  const int64_t seen = at_most(keys, visible((m + count - 1) / g.group, 0, key).high);
  const int64_t width = round_up(seen, kLanes), vectors = round_up(count, 2 * kLanes) / kLanes;
  const int64_t words = words_of(g.head_size), panels = s.padded / kLanes;
  multiply_square<Bfloat16>(
      seen, Block{s.keys_t, 64, s.queries_t, 64, kLanes, vectors, words, nullptr, s.weights, 64});
  multiply_square<Bfloat16>(
      seen, Block{s.values_t, 64, s.douts_t, 64, kLanes, vectors, words, nullptr, s.dscores, 64});
  differentiate_keys(g, s, m, count, key, seen, width);
  const auto add_to = [&](const float* a, const float* w, float* c, int64_t c_stride) {
    multiply_square<WordRows>(
        seen, Block{a, 1, w, s.padded, kLanes, panels, words_of(count), c, c, c_stride, g.head_size});
  };
  add_to(s.weights, s.douts, g.dv + key * g.dv_stride, g.dv_stride);
  add_to(s.dscores, s.queries, g.dk + key * g.dk_stride, g.dk_stride);
  multiply_square<Bfloat16>(count, Block{s.dscores_t, 64, s.keys, s.padded, kLanes, panels, words_of(width),
                                         s.dqueries, s.dqueries, s.padded});
}

static void attention_gradient_pairs(const AttentionGradient& g) {
  walk_blocks(g, load_query_pairs, load_gradient_key_pairs, attend_gradient_pairs);
}

}  // namespace whorl::cpu::WHORL_ISA
