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

static inline void multiply_square_pairs(int64_t rows, const Block& b) {
  const RowTiles tiles(rows);
  for (int64_t i = 0; i < tiles.count; ++i) {
    const int64_t r = tiles.begin(i);
    Block tile = b;
    tile.a += r;
    tile.c += r * b.c_stride;
    if (tile.init) tile.init += r * b.c_stride;
    multiply_pairs(tiles.size(i), tile);
  }
}

static inline void load_query_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                    int64_t count) {
  const int64_t d = g.head_size;
  const auto at = [&](const float* p, int64_t stride, int64_t i) {
    return p + (m + i) / g.group * stride + (m + i) % g.group * d;
  };
  const auto q = [&](int64_t i) { return i < count ? at(g.q, g.q_stride, i) : nullptr; };
  const auto dout = [&](int64_t i) { return i < count ? at(g.dout, g.dout_stride, i) : nullptr; };
  transpose_block_pairs(q, d, s.queries_t);
  transpose_block_pairs(dout, d, s.douts_t);
  weave_rows(q, count, 64, d, s.queries, s.padded);
  weave_rows(dout, count, 64, d, s.douts, s.padded);
  for (int64_t i = 0; i < count; ++i) {
    const float* out = at(g.out, g.out_stride, i);
    Vec dot = zero();
    for_vectors(d, [&](int64_t k, int64_t lanes) {
      dot = fma(load_lanes(out + k, lanes), load_lanes(dout(i) + k, lanes), dot);
    });
    s.delta[i] = reduce_add(dot);
    s.lse[i] = g.lse[(m + i) / g.group * g.lse_stride + (m + i) % g.group];
  }
}

static inline void load_gradient_key_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t key,
                                           int64_t count) {
  const auto k = [&](int64_t j) { return j < count ? g.k + (key + j) * g.k_stride : nullptr; };
  transpose_block_pairs(k, g.head_size, s.keys_t);
  transpose_block_pairs([&](int64_t j) { return j < count ? g.v + (key + j) * g.v_stride : nullptr; },
                        g.head_size, s.values_t);
  weave_rows(k, count, 64, g.head_size, s.keys, s.padded);
  clear(s.dkeys, 64 * s.padded);
  clear(s.dvalues, 64 * s.padded);
}

static inline void add_query_gradient_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                            int64_t count) {
  for (int64_t i = 0; i < 64; i += 16)
    transpose_row_pairs([&](int r) { return i + r < count ? s.dscores + (i + r) * 64 : nullptr; }, 64,
                        s.dscores_t + i, 64);
  const auto row = [&](int64_t i) {
    return g.dq + (m + i) / g.group * g.dq_stride + (m + i) % g.group * g.head_size;
  };
  for (int64_t i = 0; i < count; ++i)
    for_vectors(g.head_size, [&](int64_t d, int64_t lanes) {
      store(s.dqueries + i * s.padded + d, load_lanes(row(i) + d, lanes));
    });
  multiply_square_pairs(count, Block{s.dscores_t, 64, s.keys, s.padded, kLanes, s.padded / kLanes, 32,
                                     s.dqueries, s.dqueries, s.padded});
  for (int64_t i = 0; i < count; ++i)
    for_vectors(g.head_size, [&](int64_t d, int64_t lanes) {
      store_lanes(row(i) + d, load(s.dqueries + i * s.padded + d), lanes);
    });
}

static inline void attend_gradient_pairs(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                         int64_t count, int64_t key, int64_t keys) {
  load_query_pairs(g, s, m, count);
  const int64_t words = words_of(g.head_size), panels = s.padded / kLanes;
  multiply_square_pairs(count,
                        Block{s.queries_t, 64, s.keys_t, 64, kLanes, 4, words, nullptr, s.weights, 64});
  multiply_square_pairs(count,
                        Block{s.douts_t, 64, s.values_t, 64, kLanes, 4, words, nullptr, s.dscores, 64});
  differentiate_scores(g, s, m, count, key);
  // Both as words of two queries, woven into the place that the transposed scores take afterwards.
  const auto woven = [&](const float* scores, const float* w, float* c) {
    weave_rows([&](int64_t i) { return scores + i * 64; }, count, 64, 64, s.dscores_t, 64);
    multiply_square_pairs(
        keys, Block{s.dscores_t, 64, w, s.padded, kLanes, panels, words_of(count), c, c, s.padded});
  };
  woven(s.weights, s.douts, s.dvalues);
  woven(s.dscores, s.queries, s.dkeys);
  add_query_gradient_pairs(g, s, m, count);
}

static void attention_gradient_pairs(const AttentionGradient& g) {
  const GradientScratch s(g.scratch, g.head_size);
  for (int64_t i = 0; i < g.rows; ++i) clear(g.dq + i * g.dq_stride, g.group * g.head_size);
  for (int64_t key = 0; key < g.rows; key += kKeyBlock) {
    const int64_t keys = at_most(g.rows - key, kKeyBlock);
    load_gradient_key_pairs(g, s, key, keys);
    for_query_blocks(g, key, keys,
                     [&](int64_t m, int64_t count) { attend_gradient_pairs(g, s, m, count, key, keys); });
    store_key_gradient(g, s, key, keys);
  }
}

}  // namespace whorl::cpu::WHORL_ISA
