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

static void over_rows_block(const GemmOverRows& g, int64_t row, int64_t rows, int64_t column,
                            int64_t columns) {
  // Rows as short as an adapter's lie close together already.
  constexpr int64_t kShort = 64;
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
// scale, [rows][16], `panel` sixteen columns of a. `sums` has room for all.
static inline void over_rows_square(const float* scaled, const float* panel, int64_t rows, float* sums,
                                    float* c, int64_t c_stride, int64_t width, int64_t columns) {
  Vec square[kPanel];
  for (int64_t i = 0; i < kPanel; ++i) square[i] = i < width ? load_lanes(c + i * c_stride, columns) : zero();
  transpose(square);
  for (int64_t j = 0; j < kPanel; ++j) store(sums + j * kPanel, square[j]);
  const RowTiles tiles(columns);
  for (int64_t i = 0; i < tiles.count; ++i) {
    float* const to = sums + tiles.begin(i) * kPanel;
    run_tile<Float32>(
        tiles.size(i), 1,
        Tile{scaled + tiles.begin(i), kPanel, panel, kPanel, 0, rows, to, kPanel, to, kPanel, kPanel});
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
      const int64_t left = g.m - m, panel = m / kPanel % 16;
      if (panel == 0)
        pack_panels(g.a + row * g.a_stride + m, g.a_stride, rows,
                    left < kOverRowsColumns ? left : kOverRowsColumns, 1.0f, panels);
      over_rows_square(scaled, panels + panel * kOverRowsPanel, rows, sums, g.c + m * g.c_stride + column,
                       g.c_stride, left < kPanel ? left : kPanel, columns);
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
