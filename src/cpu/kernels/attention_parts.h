#pragma once
// Pieces that attention and its backward pass share: moving keys, values and queries into the layouts of the
// inner loop, and products of small blocks.
#include <cstdint>

#include "cpu/kernels.h"

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kKeyBlock = 64;  // keys per block; blocks start at multiples of it, for every query alike
constexpr int64_t kQueryBlock = 64;
constexpr int64_t kLaneQueries = 2 * kLanes;  // of a tile with queries side by side (attention_lanes.h)

static inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
static inline int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

// Offsets of keys [first, first + count) from the start of the keys or values.
static inline void key_offsets(const KeySource& s, int64_t first, int64_t count, int64_t* offsets) {
  if (!s.pages) {
    for (int64_t j = 0; j < count; ++j) offsets[j] = (first + j) * s.row_stride;
    return;
  }
  int64_t page = first / s.page_size, slot = first % s.page_size;
  for (int64_t j = 0; j < count; ++j) {
    offsets[j] = (s.pages[page] * s.page_size + slot) * s.row_stride;
    if (++slot == s.page_size) slot = 0, ++page;
  }
}

// body(j, at) for every sixteen of `count` keys of turned pages, from key first + j on: number d of the
// sixteen at at[d * page_size]. Slots past the last key hold whatever was there.
template <class Body>
static inline __attribute__((always_inline)) void for_turned_keys(const KeySource& s, int64_t first,
                                                                  int64_t count, Body body) {
  for (int64_t j = 0; j < count; j += kLanes) {
    const int64_t page = s.pages[(first + j) / s.page_size];
    body(j, s.k + page * s.page_size * s.row_stride + (first + j) % s.page_size);
  }
}

// Sixteen rows of `width` numbers, given by row(i) -> pointer or null for zeros, become columns:
// to[d * to_stride + i].
template <class Row>
static inline void transpose_rows(Row row, int64_t width, float* to, int64_t to_stride) {
  for (int64_t d = 0; d < width; d += kLanes) {
    const int64_t lanes = at_most(width - d, kLanes);
    Vec square[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const float* from = row(i);
      square[i] = from ? load_lanes(from + d, lanes) : zero();
    }
    transpose(square);
    if (lanes == kLanes) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) store(to + (d + i) * to_stride, square[i]);
    } else {
      for (int64_t i = 0; i < lanes; ++i) store(to + (d + i) * to_stride, square[i]);
    }
  }
}

// A row of `width` numbers, padded with zeros to whole vectors. Such rows are the `w` of a product with a
// step of round_up(width, 16): panels 4,096 bytes apart would all fall on the same lines of the first-level
// cache.
static inline void copy_padded(const float* from, int64_t width, float* to) {
  for_vectors(width, [&](int64_t d, int64_t lanes) { store(to + d, load_lanes(from + d, lanes)); });
}

// Rows of 64 scores as they lie, the sum running along them: nothing has to be turned.
struct ScoreRows : Float32 {
  static constexpr int64_t kRowStep = kKeyBlock;
  template <int R, int V>
  static inline __attribute__((always_inline)) void reduce(Vec (&acc)[R][V], const Tile& t) {
    reduce_words<ScoreRows, R, V>(acc, t);
  }
};

// c[r, 16 * panels] = init + sum over k of a[k * a_step + r] * w[k][panel]; with pairs of bfloat16, k counts
// words. Of c and init only `columns` are touched, 0: all.
struct Block {
  const float* a;
  int64_t a_step;
  const float* w;
  int64_t w_step, w_vector, panels, k;
  const float* init;
  float* c;
  int64_t c_stride;
  int64_t columns = 0;
};

template <class W>
static inline void multiply_block(int rows, const Block& b) {
  run_tile<W>(rows, b.panels,
              Tile{b.a, b.a_step, b.w, b.w_step, b.w_vector, b.k, b.init, b.c_stride, b.c, b.c_stride,
                   b.columns ? b.columns : b.panels * kLanes});
}

// c[rows, 16 * panels] = init + a^T w over k, any number of rows.
template <class W>
static inline void multiply_square(int64_t rows, const Block& b) {
  const RowTiles tiles(rows);
  for (int64_t i = 0; i < tiles.count; ++i) {
    const int64_t r = tiles.begin(i);
    Block tile = b;
    tile.a += r * W::kRowStep;
    tile.c += r * b.c_stride;
    if (tile.init) tile.init += r * b.c_stride;
    multiply_block<W>(tiles.size(i), tile);
  }
}

}  // namespace whorl::cpu::WHORL_ISA
