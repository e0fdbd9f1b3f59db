#pragma once
// Products of many rows with weights of whole numbers through tiles. A group's sums are whole numbers and
// exact whoever makes them, what follows is the arithmetic of quantised.h step by step: the bits are the
// same, and few rows stay with the kernels there.
#include <cstdint>

#include "cpu/kernels.h"

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kTileRowsLeast = 12;  // of a block; fewer would leave most of a tile empty

static inline int64_t whole_strips(int64_t rows) { return (rows + kTile - 1) / kTile * kTile; }

// Tile 0 sums, 1 rows, 2 weights: the 32 k of one group.
static inline void configure_group_tiles() {
  TileConfig config{};
  config.palette = 1;
  config.rows[0] = config.rows[1] = kTile, config.rows[2] = kWords;
  config.row_bytes[0] = config.row_bytes[2] = 64, config.row_bytes[1] = kGroup;
  configure_tiles(config);
}

// Where a tile of a group's weights lies: as stored, or unpacked to `room`.
static inline const void* group_codes(Int8Codes, const uint8_t* codes, float*) { return codes; }
static inline const void* group_codes(Int4Codes, const uint8_t* codes, float* room) {
  Int4Codes::words(codes, [&](int j, Vec w) { store(room + j * kTile, w); });
  return room;
}

// Sixteen rows and one panel. The sums of one group are made while those of the group before are scaled.
template <class Codes, bool kMinima>
static void quant_strip(const QuantTile& t, int64_t rows) {
  alignas(64) float sums[2][kTileFloats], room[2][kWords * kTile];
  const auto multiply = [&](int64_t g) {
    zero_tile<0>();
    load_tile<1>(t.a.words + (g * t.a.rows + t.row) * kWords, kGroup);
    load_tile<2>(group_codes(Codes{}, t.codes + g * Codes::kBytes, room[g % 2]), kTileStride);
    dot_byte_tiles<0, 1, 2>();
    store_tile<0>(sums[g % 2], kTileStride);
  };
  Vec acc[kTile][1];
#pragma GCC unroll 16
  for (int r = 0; r < kTile; ++r) {
    acc[r][0] = zero();
    if (t.init) load_row<1>(acc[r], t.init, t.columns);
  }
  multiply(0);
  for (int64_t g = 0; g < t.a.groups; ++g) {
    if (g + 1 < t.a.groups) multiply(g + 1);
    const float *scales = t.a.scales + g * t.a.rows + t.row, *row_sums = t.a.sums + g * t.a.rows + t.row;
    const Vec scale = load_halves(t.scales + g * kPanel);
    const Vec minimum = kMinima ? load_halves(t.minima + g * kPanel) : zero();
#pragma GCC unroll 16
    for (int r = 0; r < kTile; ++r)
      acc[r][0] = add_group<true>(acc[r][0], to_floats(load(sums[g % 2] + r * kTile)), scale, scales[r],
                                  row_sums[r], kMinima ? &minimum : nullptr);
  }
#pragma GCC unroll 16
  for (int r = 0; r < kTile; ++r)
    if (r < rows) store_row<1>(t.c + r * t.c_stride, acc[r], t.columns);
}

// What the last strip has beyond the rows is whatever was there; nobody stores what comes of it.
template <class Codes, bool kMinima>
static void quant_strips(const QuantGemm& g, int64_t row, int64_t rows) {
  const RoundedRows a(g.scratch, whole_strips(rows), g.k, true);
  for (int64_t r = 0; !g.rounded && r < rows; ++r) round_row(g.a + (row + r) * g.a_stride, g.k, g.w, a, r);
  for (int64_t p = g.panel_begin; p < g.panel_end; ++p)
    for (int64_t first = 0; first < rows; first += kTile)
      quant_strip<Codes, kMinima>(quant_tile<Codes>(g, a, row, first, p), rows - first);
}

static void round_rows_tiles(const QuantGemm& g, int64_t begin, int64_t end) {
  if (g.rows < kTileRowsLeast) return round_rows(g, begin, end);
  const RoundedRows a(g.scratch, whole_strips(g.rows), g.k, true);
  for (int64_t r = begin; r < end; ++r) round_row(g.a + r * g.a_stride, g.k, g.w, a, r);
}

static void gemm_quantised_tiles(const QuantGemm& g) {
  static_assert(kQuantRows % kTile == 0);
  int64_t row = 0;
  if (g.rows >= kTileRowsLeast) {
    configure_group_tiles();
    for (; g.rows - row >= kTileRowsLeast; row += kQuantRows) {
      const int64_t rows = g.rows - row < kQuantRows ? g.rows - row : kQuantRows;
      if (!g.w.int4)
        quant_strips<Int8Codes, false>(g, row, rows);
      else
        g.w.minima ? quant_strips<Int4Codes, true>(g, row, rows)
                   : quant_strips<Int4Codes, false>(g, row, rows);
    }
    release_tiles();
  }
  if (row >= g.rows) return;
  QuantGemm rest = g;
  rest.a += row * g.a_stride, rest.c += row * g.c_stride, rest.rows = g.rows - row;
  gemm_quantised(rest);
}

}  // namespace whorl::cpu::WHORL_ISA
