#pragma once
// Products with stored bfloat16 weights through tiles: 32 rows by 32 columns of sums at once, or up to 16
// rows by 64 columns, each step one tile product over 32 k. The packed weights (kernels.h) are what a tile of
// b wants; rows of a are rounded and packed beside it.
//
// A tile product adds its 32 k in an order of its own, so an element's bits depend on where k is cut. It is
// cut at multiples of 32 from zero for every number of rows, one row too: a row's bits are the same alone and
// in a batch. One row costs no time there: a tile of weights takes as long to come from memory.
#include <cstdint>

#include "cpu/kernels.h"

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kTile = 16;               // rows of a tile, and 32-bit words in a row of it
constexpr int64_t kTileFloats = 16 * 16;    // of a whole one
constexpr int64_t kTileStride = 64;         // bytes from row to row of packed operands
constexpr int64_t kTileK = 2 * kTile;       // numbers of k in one product
constexpr int64_t kFewRowsK = 8 * kBlockK;  // few rows: weights are read in longer runs
static_assert(kBlockK % kTileK == 0);

// Tiles 0 to 3 hold sums, 4 and 5 a, 6 and 7 weights. Tiles 0, 1 and 4 have `upper` rows, 2, 3 and 5 `lower`.
class TileUse {
 public:
  TileUse() = default;
  ~TileUse() { release_tiles(); }
  TileUse(const TileUse&) = delete;
  TileUse& operator=(const TileUse&) = delete;

  void shape(int64_t upper, int64_t lower) {
    if (upper == upper_ && lower == lower_) return;
    upper_ = upper, lower_ = lower;
    TileConfig config{};
    config.palette = 1;
    for (int tile = 0; tile < 8; ++tile) {
      const bool second = tile == 2 || tile == 3 || tile == 5;
      config.rows[tile] = static_cast<uint8_t>(tile > 5 ? kTile : second ? lower : upper);
      config.row_bytes[tile] = 64;
    }
    configure_tiles(config);
  }

 private:
  int64_t upper_ = 0, lower_ = 0;
};

// One step of the walk: one or two strips of up to 16 rows, one to four panels of 16 columns.
struct TileBlock {
  const float* a[2];  // packed strips, [k / 32][row][16 words]
  int64_t rows[2];
  const float* w;
  int64_t w_panel;     // floats from panel to panel
  int64_t whole;       // tiles of k that are full
  const float* tails;  // what is left of each panel, filled up with zeros; null: nothing
  const float* init;   // as in Gemm
  int64_t init_stride;
  float* c;
  int64_t c_stride, columns;  // columns: how many exist from here on
  float* edge;                // room for one tile
};

// Where columns end within a panel, sums go by way of `edge`.
static __attribute__((noinline)) void copy_to_edge(const TileBlock& t, const float* from, int64_t rows,
                                                   int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    store(t.edge + r * kTile, load_partial(from + r * t.init_stride, columns));
}
static __attribute__((noinline)) void copy_from_edge(const TileBlock& t, float* to, int64_t rows,
                                                     int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) store_partial(to + r * t.c_stride, load(t.edge + r * kTile), columns);
}

// Sums of strip m and panel v.
template <int kSum>
static inline void load_sums(const TileBlock& t, int m, int v) {
  if (!t.init) return zero_tile<kSum>();
  const float* from = t.init + m * kTile * t.init_stride + v * kPanel;
  const int64_t left = t.columns - v * kPanel;
  if (left >= kPanel) return load_tile<kSum>(from, t.init_stride * 4);
  copy_to_edge(t, from, t.rows[m], left);
  load_tile<kSum>(t.edge, kTileStride);
}
template <int kSum>
static inline void store_sums(const TileBlock& t, int m, int v) {
  float* to = t.c + m * kTile * t.c_stride + v * kPanel;
  const int64_t left = t.columns - v * kPanel;
  if (left >= kPanel) return store_tile<kSum>(to, t.c_stride * 4);
  store_tile<kSum>(t.edge, kTileStride);
  copy_from_edge(t, to, t.rows[m], left);
}

// body(strip, panel, tile of their sums), all three as types that hold a number.
template <int kValue>
struct Index {
  static constexpr int value = kValue;
};
template <int kStrips, int kPanels, class Body>
static inline __attribute__((always_inline)) void for_sums(Body body) {
  static_assert(kStrips == 2 ? kPanels <= 2 : kStrips == 1 && kPanels <= 4);
  body(Index<0>{}, Index<0>{}, Index<0>{});
  if constexpr (kPanels > 1) body(Index<0>{}, Index<1>{}, Index<1>{});
  if constexpr (kPanels > 2) body(Index<0>{}, Index<2>{}, Index<2>{});
  if constexpr (kPanels > 3) body(Index<0>{}, Index<3>{}, Index<3>{});
  if constexpr (kStrips == 2) body(Index<1>{}, Index<0>{}, Index<2>{});
  if constexpr (kStrips == 2 && kPanels > 1) body(Index<1>{}, Index<1>{}, Index<3>{});
}

// One tile of k: a's strips once, each panel's weights into one of two tiles in turn.
template <int kStrips, int kPanels>
static inline __attribute__((always_inline)) void add_tiles(const TileBlock& t, int64_t k, const float* w,
                                                            int64_t w_panel) {
  load_tile<4>(t.a[0] + k * t.rows[0] * kTile, kTileStride);
  if constexpr (kStrips == 2) load_tile<5>(t.a[1] + k * t.rows[1] * kTile, kTileStride);
  for_sums<1, kPanels>([&](auto, auto v, auto) __attribute__((always_inline)) {
    constexpr int panel = decltype(v)::value, weights = 6 + panel % 2;
    load_tile<weights>(w + panel * w_panel, kTileStride);
    dot_tiles<panel, 4, weights>();
    if constexpr (kStrips == 2) dot_tiles<2 + panel, 5, weights>();
  });
}

template <int kStrips, int kPanels>
static void multiply_tiles(const TileBlock& t) {
  for_sums<kStrips, kPanels>(
      [&](auto m, auto v, auto sum) { load_sums<decltype(sum)::value>(t, m.value, v.value); });
  for (int64_t k = 0; k < t.whole; ++k) add_tiles<kStrips, kPanels>(t, k, t.w + k * kTileFloats, t.w_panel);
  if (t.tails) add_tiles<kStrips, kPanels>(t, t.whole, t.tails, kTileFloats);
  for_sums<kStrips, kPanels>(
      [&](auto m, auto v, auto sum) { store_sums<decltype(sum)::value>(t, m.value, v.value); });
}

// Up to sixteen rows as tiles, [k / 32][row][16 words], zero past the last k.
static inline void pack_strip(const float* a, int64_t stride, int64_t rows, int64_t k, float* to) {
  for (int64_t i = 0; i < k; i += kTileK) {
    const int64_t low = k - i < kLanes ? k - i : kLanes, high = k - i - low < kLanes ? k - i - low : kLanes;
    for (int64_t r = 0; r < rows; ++r, to += kTile) {
      const float* from = a + r * stride + i;
      store(to, round_pairs(load_lanes(from, low), high > 0 ? load_lanes(from + kLanes, high) : zero()));
    }
  }
}

// Rows and k that are packed at once; `block` moves along the panels.
struct TilePiece {
  int64_t strips, rows, k, tiles;
  float *packed, *tails, *edge;
  TilePiece(const Gemm& g, int64_t rows_, int64_t k_)
      : strips((rows_ + kTile - 1) / kTile), rows(rows_), k(k_), tiles((k_ + kTileK - 1) / kTileK) {
    packed = g.scratch;
    tails = g.scratch + rows * tiles * kTile;
    edge = tails + 4 * kTileFloats;
  }
  int64_t size(int64_t strip) const { return rows - strip * kTile < kTile ? rows - strip * kTile : kTile; }
  float* strip(int64_t i) const { return packed + i * kTile * tiles * kTile; }
};
static_assert(kBlockRows * kBlockK / 2 + 5 * kTileFloats <= kGemmScratch);
static_assert(kTile * kFewRowsK / 2 + 5 * kTileFloats <= kGemmScratch);

// What is left of each panel when k does not end a tile.
static inline void copy_tails(const TilePiece& piece, const float* w, int64_t w_panel, int64_t panels) {
  const int64_t whole = piece.k / kTileK, words = (piece.k - whole * kTileK + 1) / 2;
  for (int64_t v = 0; v < panels; ++v)
    for (int64_t i = 0; i < kTile; ++i)
      store(piece.tails + v * kTileFloats + i * kTile,
            i < words ? load(w + v * w_panel + (whole * kTile + i) * kPanel) : zero());
}

using MultiplyTiles = void (*)(const TileBlock&);

static inline MultiplyTiles find_tiles(int64_t strips, int64_t panels) {
  static constexpr MultiplyTiles one[4] = {multiply_tiles<1, 1>, multiply_tiles<1, 2>, multiply_tiles<1, 3>,
                                           multiply_tiles<1, 4>},
                                 two[2] = {multiply_tiles<2, 1>, multiply_tiles<2, 2>};
  return strips == 2 ? two[panels - 1] : one[panels - 1];
}

// Strips [first, last) two by two, or the one that is left, along all panels. All have the sizes that the
// tiles are configured for.
static void walk_panels(const Gemm& g, const TilePiece& piece, int64_t row, int64_t k_begin, int64_t first,
                        int64_t last) {
  const bool start = k_begin == 0;
  const int64_t w_panel = (g.k + 1) / 2 * kPanel, at_once = last - first > 1 ? 2 : 4;
  for (int64_t p = g.panel_begin; p < g.panel_end; p += at_once) {
    const int64_t panels = g.panel_end - p < at_once ? g.panel_end - p : at_once;
    const float* w = static_cast<const float*>(g.w) + p * w_panel + k_begin / 2 * kPanel;
    const bool tail = piece.k % kTileK != 0;
    if (tail) copy_tails(piece, w, w_panel, panels);
    for (int64_t strip = first; strip < last; strip += 2) {
      const int64_t count = last - strip < 2 ? 1 : 2, r = row + strip * kTile;
      TileBlock t{};
      for (int64_t i = 0; i < count; ++i) t.a[i] = piece.strip(strip + i), t.rows[i] = piece.size(strip + i);
      t.w = w, t.w_panel = w_panel, t.whole = piece.k / kTileK, t.tails = tail ? piece.tails : nullptr;
      t.c = g.c + r * g.c_stride + p * kPanel, t.c_stride = g.c_stride;
      t.init = !start ? t.c : g.init ? g.init + r * g.init_stride + p * kPanel : nullptr;
      t.init_stride = start ? g.init_stride : g.c_stride;
      t.columns = g.columns - p * kPanel, t.edge = piece.edge;
      find_tiles(count, panels)(t);
    }
  }
}

static void gemm_tiles_block(const Gemm& g, TileUse& use, int64_t row, int64_t rows, int64_t k_begin,
                             int64_t k) {
  const TilePiece piece(g, rows, k);
  for (int64_t i = 0; i < piece.strips; ++i)
    pack_strip(g.a + (row + i * kTile) * g.a_stride + k_begin, g.a_stride, piece.size(i), k, piece.strip(i));
  const int64_t pairs = rows / (2 * kTile) * 2;  // strips that fill both halves
  if (pairs > 0) {
    use.shape(kTile, kTile);
    walk_panels(g, piece, row, k_begin, 0, pairs);
  }
  if (pairs == piece.strips) return;
  use.shape(piece.size(pairs), piece.size(piece.strips - 1));
  walk_panels(g, piece, row, k_begin, pairs, piece.strips);
}

static void gemm_tiles(const Gemm& g) {
  if (!g.bf16) return gemm_float32(g);
  TileUse use;
  const int64_t block = g.rows <= kTile ? kFewRowsK : kBlockK;
  for (int64_t row = 0; row < g.rows; row += kBlockRows) {
    const int64_t rows = g.rows - row < kBlockRows ? g.rows - row : kBlockRows;
    for (int64_t k = 0; k < g.k; k += block)
      gemm_tiles_block(g, use, row, rows, k, g.k - k < block ? g.k - k : block);
  }
}

}  // namespace whorl::cpu::WHORL_ISA
