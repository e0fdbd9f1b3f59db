#pragma once
// c += scale * a^T b, the sum running over rows: gradients of weights and of adapters. Every number of c has
// one chain of additions in order of the rows, whichever way the blocks are cut.
#include <cstdint>

#include "cpu/kernels/gemm.h"

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kReducedRows = 256;  // rows of one step
constexpr int64_t kOverRowsColumns = 16 * kPanel;
// A panel's room. A row more than there can be: panels 16 KB apart would all fall on the same lines of the
// first-level cache.
constexpr int64_t kOverRowsPanel = (kReducedRows + 1) * kPanel;
constexpr int64_t kOverRowsScratch = 17 * kOverRowsPanel + kPanel * kPanel + 16;

// Copies rows of b into panels [columns / 16][rows][16], scaled, zero past the last column. Row by row, as
// memory is read.
static inline void pack_panels(const float* b, int64_t stride, int64_t rows, int64_t columns, float scale,
                               float* to) {
  const Vec factor = broadcast(scale);
  for (int64_t n = 0; n < rows; ++n)
    for_vectors(columns, [&](int64_t column, int64_t lanes) {
      store(to + column / kPanel * kOverRowsPanel + n * kPanel,
            mul(factor, load_lanes(b + n * stride + column, lanes)));
    });
}

// Rows that are not copied first: V vectors side by side, each line of 64 bytes read once, where a copy would
// be written, and read again, through the second-level cache. A line of a later row is asked for, and of this
// row the one that comes four vectors later.
struct FarRows : Float32 {
  template <int R, int V>
  static inline __attribute__((always_inline)) void reduce(Vec (&acc)[R][V], const Tile& t) {
    constexpr int64_t kRowsAhead = 6, kVectorsAhead = 4;
    const float* w = static_cast<const float*>(t.w);
    const float* a = t.a;
    for (int64_t k = 0; k < t.k; ++k, a += t.a_step, w += t.w_step) {
      Vec b[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        __builtin_prefetch(w + v * kLanes + kRowsAhead * t.w_step, 0, 3);
        __builtin_prefetch(w + (v + kVectorsAhead) * kLanes, 0, 2);
        b[v] = load(w + v * kLanes);
      }
      multiply<Float32, R, V>(acc, a, b);
    }
  }
};
// Sixteen sums of a vector each hide a line's way from the second-level cache; with fewer registers it has to
// be copied.
constexpr bool kReadsFarRows = kTallRows >= kPanel;

// As over_rows_block, for whole vectors of columns and few rows of c.
static inline void over_far_rows(const GemmOverRows& g, int64_t row, int64_t rows, int64_t column,
                                 int64_t columns) {
  const RowTiles tiles(g.m, (g.m + kPanel - 1) / kPanel);
  const float* b = g.b + row * g.b_stride + column;
  for (int64_t i = 0; i < tiles.count; ++i) {
    float* c = g.c + tiles.begin(i) * g.c_stride + column;
    run_tile<FarRows>(tiles.size(i), columns / kPanel,
                      Tile{g.a + row * g.a_stride + tiles.begin(i), g.a_stride, b, g.b_stride, kPanel, rows,
                           c, g.c_stride, c, g.c_stride, columns});
  }
}

static void over_rows_block(const GemmOverRows& g, int64_t row, int64_t rows, int64_t column,
                            int64_t columns) {
  // Rows as short as an adapter's lie close together already.
  constexpr int64_t kShort = 64;
  if (kReadsFarRows && g.m <= kShort && g.scale == 1.0f && columns % kPanel == 0)
    return over_far_rows(g, row, rows, column, columns);
  float* panels = g.scratch;
  float* copied = g.scratch + 16 * kOverRowsPanel;
  pack_panels(g.b + row * g.b_stride + column, g.b_stride, rows, columns, g.scale, panels);
  const RowTiles tiles(g.m);
  for (int64_t i = 0; i < tiles.count; ++i) {
    const int size = tiles.size(i);
    const float* a = g.a + row * g.a_stride + tiles.begin(i);
    int64_t step = g.a_stride;
    if (step > kShort) {
      for (int64_t n = 0; n < rows; ++n) store(copied + n * size, load_partial(a + n * step, size));
      a = copied, step = size;
    }
    float* c = g.c + tiles.begin(i) * g.c_stride + column;
    run_tile<Float32>(
        size, (columns + kPanel - 1) / kPanel,
        Tile{a, step, panels, kPanel, kOverRowsPanel, rows, c, g.c_stride, c, g.c_stride, columns});
  }
}

static void over_rows_wide(const GemmOverRows& g, int64_t column, int64_t columns) {
  for (int64_t row = 0; row < g.rows; row += kReducedRows)
    over_rows_block(g, row, g.rows - row < kReducedRows ? g.rows - row : kReducedRows, column, columns);
}

// Sixteen rows of c and at most as many columns, for `rows` rows, the other way round: `scaled` is b times
// scale, [rows][16], `panel` sixteen columns of a, `step` numbers a row. `sums` has room for all.
template <class W>
static inline void over_rows_square(const float* scaled, const float* panel, int64_t step, int64_t rows,
                                    float* sums, float* c, int64_t c_stride, int64_t width, int64_t columns) {
  Vec square[kPanel];
  for (int64_t i = 0; i < kPanel; ++i) square[i] = i < width ? load_lanes(c + i * c_stride, columns) : zero();
  transpose(square);
  for (int64_t j = 0; j < kPanel; ++j) store(sums + j * kPanel, square[j]);
  const RowTiles tiles(columns);
  for (int64_t i = 0; i < tiles.count; ++i) {
    float* const to = sums + tiles.begin(i) * kPanel;
    run_tile<W>(tiles.size(i), 1,
                Tile{scaled + tiles.begin(i), kPanel, panel, step, 0, rows, to, kPanel, to, kPanel, kPanel});
  }
  for (int64_t j = 0; j < kPanel; ++j) square[j] = load(sums + j * kPanel);
  transpose(square);
  for (int64_t i = 0; i < width; ++i) store_lanes(c + i * c_stride, square[i], columns);
}

// Many rows of c and few columns, what an adapter's B gets: a is read a line at a time instead of a few
// numbers.
static void over_rows_tall(const GemmOverRows& g, int64_t column, int64_t columns) {
  float *scaled = g.scratch, *panels = scaled + kOverRowsPanel, *sums = panels + 16 * kOverRowsPanel;
  for (int64_t row = 0; row < g.rows; row += kReducedRows) {
    const int64_t rows = g.rows - row < kReducedRows ? g.rows - row : kReducedRows;
    pack_panels(g.b + row * g.b_stride + column, g.b_stride, rows, columns, g.scale, scaled);
    for (int64_t m = 0; m < g.m; m += kPanel) {
      const int64_t left = g.m - m, panel = kReadsFarRows ? 0 : m / kPanel % 16;
      float* const c = g.c + m * g.c_stride + column;
      if (kReadsFarRows && left >= kPanel) {
        over_rows_square<FarRows>(scaled, g.a + row * g.a_stride + m, g.a_stride, rows, sums, c, g.c_stride,
                                  kPanel, columns);
        continue;
      }
      if (panel == 0)
        pack_panels(g.a + row * g.a_stride + m, g.a_stride, rows,
                    left < kOverRowsColumns ? left : kOverRowsColumns, 1.0f, panels);
      over_rows_square<Float32>(scaled, panels + panel * kOverRowsPanel, kPanel, rows, sums, c, g.c_stride,
                                left < kPanel ? left : kPanel, columns);
    }
  }
}

static void gemm_over_rows(const GemmOverRows& g) {
  constexpr int64_t kFew = 64;  // columns
  const bool tall = g.columns <= kFew && g.m >= 4 * g.columns;
  const int64_t step = tall ? kPanel : kOverRowsColumns;
  for (int64_t column = 0; column < g.columns; column += step) {
    const int64_t columns = g.columns - column < step ? g.columns - column : step;
    tall ? over_rows_tall(g, column, columns) : over_rows_wide(g, column, columns);
  }
}

}  // namespace whorl::cpu::WHORL_ISA
