#pragma once
// Products with a single panel of weights, an adapter's first one: rows are read as they lie, as packing them
// would cost as much as the product.
#include <cstdint>
#include <utility>

#include "cpu/kernels/gemm.h"

namespace whorl::cpu::WHORL_ISA {

// R streams of memory: row r begins at a + r * a_step.
struct LongRows : Float32 {
  template <int R, int V>
  static inline __attribute__((always_inline)) void reduce(Vec (&acc)[R][V], const Tile& t) {
    const float* rows[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) rows[r] = t.a + r * t.a_step;
    const float* w = static_cast<const float*>(t.w);
    for (int64_t k = 0; k < t.k; ++k, w += t.w_step) {
      Vec b[V];
      ask_ahead<R, V>(w, t);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) b[v] = load(w + v * t.w_vector);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Vec x = broadcast(rows[r][k]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) acc[r][v] = add(x, b[v], acc[r][v]);
      }
    }
  }
};

// A tile's rows, each in a register of its own.
constexpr int64_t kLongRows = kMaxRows < 8 ? kMaxRows : 8;

static void gemm_one_panel(const Gemm& g) {
  const int64_t p = g.panel_begin;
  const RowTiles tiles(g.rows, (g.rows + kLongRows - 1) / kLongRows);
  for (int64_t at = 0; at < g.k; at += kBlockK)
    for (int64_t i = 0; i < tiles.count; ++i) {
      const int64_t r = tiles.begin(i);
      Tile t{};
      t.a = g.a + r * g.a_stride + at, t.a_step = g.a_stride;
      t.w = static_cast<const float*>(g.w) + (p * g.k + at) * kPanel, t.w_step = kPanel;
      t.k = g.k - at < kBlockK ? g.k - at : kBlockK;
      t.c = g.c + r * g.c_stride + p * kPanel, t.c_stride = g.c_stride;
      t.init = at > 0 ? t.c : g.init ? g.init + r * g.init_stride + p * kPanel : nullptr;
      t.init_stride = at > 0 ? g.c_stride : g.init_stride;
      t.columns = g.columns - p * kPanel;
      run_tile<LongRows>(tiles.size(i), 1, std::move(t));
    }
}

static void gemm_float32(const Gemm& g) {
  g.panel_end - g.panel_begin == 1 && !g.beside && !g.behind ? gemm_one_panel(g) : gemm_as<Float32>(g);
}
static void gemm(const Gemm& g) { g.bf16 ? gemm_as<Bfloat16>(g) : gemm_float32(g); }

}  // namespace whorl::cpu::WHORL_ISA
