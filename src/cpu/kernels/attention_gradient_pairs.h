#pragma once
// The backward pass of attention_gradient.h with its five products over pairs of bfloat16; sums are float32.
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
}

static inline void load_gradient_key_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t key,
                                           int64_t count) {
  const auto k = [&](int64_t j) { return j < count ? g.k + (key + j) * g.k_stride : nullptr; };
  transpose_block_pairs(k, g.head_size, s.keys_t);
  transpose_block_pairs([&](int64_t j) { return j < count ? g.v + (key + j) * g.v_stride : nullptr; },
                        g.head_size, s.values_t);
  weave_rows(k, count, 64, g.head_size, s.keys, s.padded);
}

// `width`: keys that count, whole vectors of them.
static inline void add_query_gradient_pairs(const GradientScratch& s, int64_t count, int64_t width) {
  for (int64_t i = 0; i < count; i += 16)
    transpose_row_pairs([&](int r) { return i + r < count ? s.dscores + (i + r) * 64 : nullptr; }, width,
                        s.dscores_t + i, 64);
  multiply_square<Bfloat16>(count, Block{s.dscores_t, 64, s.keys, s.padded, kLanes, s.padded / kLanes,
                                         words_of(width), s.dqueries, s.dqueries, s.padded});
}

static inline void attend_gradient_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                         int64_t count, int64_t key, int64_t keys) {
  // Keys behind the last query's view would only add zeros.
  const int64_t seen = at_most(keys, visible((m + count - 1) / g.group, 0, key).high);
  const int64_t vectors = (seen + kLanes - 1) / kLanes, width = vectors * kLanes;
  const int64_t words = words_of(g.head_size);
  multiply_square<Bfloat16>(
      count, Block{s.queries_t, 64, s.keys_t, 64, kLanes, vectors, words, nullptr, s.weights, 64});
  multiply_square<Bfloat16>(
      count, Block{s.douts_t, 64, s.values_t, 64, kLanes, vectors, words, nullptr, s.dscores, 64});
  differentiate_scores(g, s, m, count, key, width);
  // Both as words of two queries, woven into the place that the transposed scores take afterwards.
  const auto woven = [&](const float* scores, const float* w, float* c, int64_t c_stride) {
    weave_rows([&](int64_t i) { return scores + i * 64; }, count, round_up(count, 2), width, s.dscores_t, 64);
    add_to_keys<Bfloat16>(s, g, seen, s.dscores_t, w, words_of(count), c, c_stride);
  };
  woven(s.weights, s.douts, g.dv + key * g.dv_stride, g.dv_stride);
  woven(s.dscores, s.queries, g.dk + key * g.dk_stride, g.dk_stride);
  add_query_gradient_pairs(s, count, width);
}

static void attention_gradient_pairs(const AttentionGradient& g) {
  walk_blocks(g, load_query_pairs, load_gradient_key_pairs, attend_gradient_pairs);
}

}  // namespace whorl::cpu::WHORL_ISA
