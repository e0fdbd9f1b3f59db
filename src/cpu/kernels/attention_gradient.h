#pragma once
// The backward pass of attention, block by block, with the weights computed again from the log-sum-exp
// (Dao et al. 2022, algorithm 4). One call owns one sequence and one key/value head, so nothing is shared
// between threads and every sum has one order. Queries are the outer loop: a head group has several times as
// many of them as keys, so it is the keys that are better read again.
#include <cstdint>

#include "cpu/kernels/attention.h"

namespace whorl::cpu::WHORL_ISA {

// Layouts of so many blocks of keys are kept from one block of queries to the next; those behind are laid out
// anew each time.
constexpr int64_t kKeptBlocks = 16;

struct GradientScratch {
  float *keys_t, *values_t;    // [D][64], of the block of keys in turn
  float* keys;                 // [64][padded D]
  float *queries_t, *douts_t;  // [D][64]
  float *queries, *douts;      // [64][padded D]
  float *weights, *dscores;    // [64 queries][64 keys]
  float* dscores_t;            // words of two keys, [32][64 queries], for pairs only
  float* dqueries;             // [64][padded D]
  float *delta, *lse;          // [64]
  float* blocks;               // kKeptBlocks and one more of keys_t, values_t and keys
  int64_t padded;

  GradientScratch(float* memory, int64_t d) : padded(round_up(d, kLanes)) {
    blocks = memory, memory += (kKeptBlocks + 1) * 3 * padded * 64;
    choose(0);
    float** const parts[] = {&queries_t, &douts_t, &queries, &douts, &dqueries};
    for (float** part : parts) *part = memory, memory += padded * 64;
    weights = memory, memory += 64 * 64;
    dscores = memory, memory += 64 * 64;
    dscores_t = memory, memory += 64 * 64;
    delta = memory, memory += 64;
    lse = memory;
  }
  void choose(int64_t block) {
    keys_t = blocks + at_most(block, kKeptBlocks) * 3 * padded * 64;
    values_t = keys_t + padded * 64, keys = values_t + padded * 64;
  }
};

static int64_t attention_gradient_scratch(int64_t d) {
  return (3 * (kKeptBlocks + 1) + 5) * round_up(d, kLanes) * 64 + 3 * 64 * 64 + 128;
}

template <class Row>
static inline void transpose_block_rows(Row row, int64_t width, float* to) {
  for (int j = 0; j < 64; j += 16) transpose_rows([&](int i) { return row(j + i); }, width, to + j, 64);
}

static inline void clear(float* p, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = 0;
}

// Query m of a head group, in a matrix of that stride.
static inline const float* query_at(const AttentionGradient& g, const float* p, int64_t stride, int64_t m) {
  return p + m / g.group * stride + m % g.group * g.head_size;
}

// delta = out . dout of each query, and its log-sum-exp.
static inline void load_sums(const AttentionGradient& g, const GradientScratch& s, int64_t m, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float *out = query_at(g, g.out, g.out_stride, m + i),
                *dout = query_at(g, g.dout, g.dout_stride, m + i);
    Vec dot = zero();
    for_vectors(g.head_size, [&](int64_t k, int64_t lanes) {
      dot = fma(load_lanes(out + k, lanes), load_lanes(dout + k, lanes), dot);
    });
    s.delta[i] = reduce_add(dot);
    s.lse[i] = g.lse[(m + i) / g.group * g.lse_stride + (m + i) % g.group];
  }
}

static inline void load_queries(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                int64_t count) {
  const int64_t d = g.head_size;
  const auto q = [&](int64_t i) { return i < count ? query_at(g, g.q, g.q_stride, m + i) : nullptr; };
  const auto dout = [&](int64_t i) {
    return i < count ? query_at(g, g.dout, g.dout_stride, m + i) : nullptr;
  };
  transpose_block_rows(q, d, s.queries_t);
  transpose_block_rows(dout, d, s.douts_t);
  for (int64_t i = 0; i < count; ++i) {
    copy_padded(q(i), d, s.queries + i * s.padded);
    copy_padded(dout(i), d, s.douts + i * s.padded);
  }
  load_sums(g, s, m, count);
}

static inline void load_keys(const AttentionGradient& g, const GradientScratch& s, int64_t key,
                             int64_t count) {
  transpose_block_rows([&](int64_t j) { return j < count ? g.k + (key + j) * g.k_stride : nullptr; },
                       g.head_size, s.keys_t);
  transpose_block_rows([&](int64_t j) { return j < count ? g.v + (key + j) * g.v_stride : nullptr; },
                       g.head_size, s.values_t);
  for (int64_t j = 0; j < count; ++j)
    copy_padded(g.k + (key + j) * g.k_stride, g.head_size, s.keys + j * s.padded);
}

// Of the first `width` keys: weights = exp(scale * scores - lse), dscores = weights * (dweights - delta) *
// scale; 0 where not visible.
static inline void differentiate_scores(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                        int64_t count, int64_t key, int64_t width) {
  const Vec scale = broadcast(g.scale);
  for (int64_t i = 0; i < count; ++i) {
    const Span span = visible((m + i) / g.group, g.window, key);
    float *p = s.weights + i * 64, *d = s.dscores + i * 64;
    const Vec lse = broadcast(s.lse[i]), delta = broadcast(s.delta[i]);
    for (int64_t j = 0; j < width; j += kLanes) {
      const Vec weight = exp(sub(mul(load(p + j), scale), lse));
      store(p + j, weight);
      store(d + j, mul(mul(weight, sub(load(d + j), delta)), scale));
    }
    for (int64_t j = 0; j < at_most(span.low, width); ++j) p[j] = d[j] = 0;
    for (int64_t j = at_least(span.high, 0); j < width; ++j) p[j] = d[j] = 0;
  }
}

// Rows of dk or dv += a^T w, over the block's queries or, with pairs, its words.
template <class W>
static inline void add_to_keys(const GradientScratch& s, const AttentionGradient& g, int64_t keys,
                               const float* a, const float* w, int64_t k, float* c, int64_t c_stride) {
  multiply_square<W>(keys,
                     Block{a, 64, w, s.padded, kLanes, s.padded / kLanes, k, c, c, c_stride, g.head_size});
}

static inline void attend_gradient(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                   int64_t count, int64_t key, int64_t keys) {
  // Keys behind the last query's view would only add zeros.
  const int64_t seen = at_most(keys, visible((m + count - 1) / g.group, 0, key).high);
  const int64_t vectors = (seen + kLanes - 1) / kLanes, panels = s.padded / kLanes;
  multiply_square<Float32>(
      count, Block{s.queries_t, 64, s.keys_t, 64, kLanes, vectors, g.head_size, nullptr, s.weights, 64});
  multiply_square<Float32>(
      count, Block{s.douts_t, 64, s.values_t, 64, kLanes, vectors, g.head_size, nullptr, s.dscores, 64});
  differentiate_scores(g, s, m, count, key, vectors * kLanes);
  add_to_keys<Float32>(s, g, seen, s.weights, s.douts, count, g.dv + key * g.dv_stride, g.dv_stride);
  add_to_keys<Float32>(s, g, seen, s.dscores, s.queries, count, g.dk + key * g.dk_stride, g.dk_stride);
  multiply_square<ScoreRows>(
      count, Block{s.dscores, 1, s.keys, s.padded, kLanes, panels, seen, s.dqueries, s.dqueries, s.padded});
}

static inline void store_query_gradient(const AttentionGradient& g, const GradientScratch& s, int64_t m,
                                        int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    float* const row = const_cast<float*>(query_at(g, g.dq, g.dq_stride, m + i));
    for_vectors(g.head_size, [&](int64_t d, int64_t lanes) {
      store_lanes(row + d, load(s.dqueries + i * s.padded + d), lanes);
    });
  }
}

// Every block of queries with every block of keys that one of them sees, both in ascending order: so runs
// every sum.
template <class LoadQueries, class LoadKeys, class Attend>
static inline void walk_blocks(const AttentionGradient& g, LoadQueries queries, LoadKeys block,
                               Attend attend) {
  GradientScratch s(g.scratch, g.head_size);
  int64_t laid_out = 0;  // blocks, all that were met
  for (int64_t i = 0; i < g.rows; ++i)
    clear(g.dk + i * g.dk_stride, g.head_size), clear(g.dv + i * g.dv_stride, g.head_size);
  for (int64_t m = 0; m < g.rows * g.group; m += kQueryBlock) {
    const int64_t count = at_most(g.rows * g.group - m, kQueryBlock), last = (m + count - 1) / g.group;
    const int64_t first = g.window > 0 ? at_least(m / g.group - g.window + 1, 0) : 0;
    queries(g, s, m, count);
    clear(s.dqueries, kQueryBlock * s.padded);
    for (int64_t key = first / kKeyBlock * kKeyBlock; key <= last; key += kKeyBlock) {
      const int64_t keys = at_most(g.rows - key, kKeyBlock), index = key / kKeyBlock;
      s.choose(index);
      if (index >= laid_out || index >= kKeptBlocks) block(g, s, key, keys), laid_out = index + 1;
      attend(g, s, m, count, key, keys);
    }
    store_query_gradient(g, s, m, count);
  }
}

static void attention_gradient(const AttentionGradient& g) {
  walk_blocks(g, load_queries, load_keys, attend_gradient);
}

}  // namespace whorl::cpu::WHORL_ISA
