#pragma once
// Blocked products around the inner loop of micro.h. Blocks fit the second-level cache; they decide speed,
// never bits.
#include <cstdint>
#include <utility>

#include "cpu/kernels.h"

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kBlockRows = 16 * 12;  // rows of a packed at once
static_assert(kBlockK % 2 == 0);         // so that bfloat16 words are never cut
constexpr int64_t kMostBehind = 128;     // an adapter's rank: its rows are packed whole
constexpr int64_t kPackedBehind = kBlockRows * kBlockK + 16 + kBlockK * kPanel * kWidenedPanels;
constexpr int64_t kGemmScratch = kPackedBehind + kBlockRows * kMostBehind + 16;

// Cuts `rows` into tiles of at most kMaxRows whose sizes differ by one at most; up to kTallRows are one.
struct RowTiles {
  int64_t count, small, larger;  // `larger` tiles of small + 1 rows, then tiles of `small`
  explicit RowTiles(int64_t n)
      : RowTiles(n, n > kMaxRows && n <= kTallRows ? 1 : (n + kMaxRows - 1) / kMaxRows) {}
  RowTiles(int64_t n, int64_t tiles)
      : count(tiles), small(count ? n / count : 0), larger(n - small * count) {}
  int64_t begin(int64_t i) const { return i * small + (i < larger ? i : larger); }
  int size(int64_t i) const { return static_cast<int>(small + (i < larger)); }
};

// `t` moves along the panels.
template <class W>
static inline void run_tile(int rows, int64_t panels, Tile&& t) {
  while (panels > 0) {
    const int vectors = pick_vectors(rows, panels);
    find_micro<W>(rows, vectors)(t);
    panels -= vectors;
    if (panels == 0) return;
    const int64_t step = vectors * kLanes;
    t.w = static_cast<const float*>(t.w) + vectors * t.w_vector;  // a float and a word are both four bytes
    if (t.behind_k > 0) t.behind_w += vectors * t.behind_vector;
    t.c += step;
    if (t.init) t.init += step;
    t.columns -= step;
  }
}

// One block: `rows` rows from `row` on, packed, times k numbers from k_begin on.
struct GemmBlock {
  const Gemm& g;
  int64_t row, rows, k_begin, k;
  RowTiles tiles;

  bool few() const { return rows <= kBlockRows / 4; }
  // What comes behind the last numbers of k; null before them.
  const Gemm* behind() const { return k_begin + k == g.k ? g.behind : nullptr; }
  // Tile i at panel p over the `steps` words for which rows are packed at `a`; its weights are the caller's.
  Tile tile(int64_t i, int64_t p, const float* a, bool begins, int64_t steps) const {
    const int64_t r = row + tiles.begin(i);
    Tile t{};
    t.a = a + tiles.begin(i) * steps, t.a_step = tiles.size(i), t.k = steps;
    if (g.packed) t.a = a + r, t.a_step = g.packed_step;
    t.c = g.c + r * g.c_stride + p * kPanel, t.c_stride = g.c_stride;
    t.init = !begins ? t.c : g.init ? g.init + r * g.init_stride + p * kPanel : nullptr;
    t.init_stride = begins ? g.init_stride : g.c_stride;
    t.columns = g.columns - p * kPanel;
    return t;
  }
  // The first tile waits for its weights, the others find them in the cache: meanwhile these ask for those of
  // the next `group` panels, of which `count` lie on without a gap.
  void ask_for_next(int64_t i, Tile& t, int64_t count, int64_t group) const {
    if (i == 0) return;
    t.ask_step = (kPanel * count + tiles.count - 2) / (tiles.count - 1);
    t.ask = static_cast<const float*>(t.w) + group * t.w_vector + (i - 1) * t.k * t.ask_step;
  }
  // The sums of the next tile come from memory while this one multiplies.
  void look_ahead(int64_t i, int64_t p) const {
    if (i + 1 >= tiles.count) return;
    const float* c = g.c + (row + tiles.begin(i + 1)) * g.c_stride + p * kPanel;
    for (int r = 0; r < tiles.size(i + 1); ++r) __builtin_prefetch(c + r * g.c_stride, 1, 3);
  }
};

// Part `part` of `parts` of the `bytes` that follow: asked for while the machine multiplies.
static inline void prefetch_part(const char* from, int64_t bytes, int64_t part, int64_t parts) {
  const int64_t lines = (bytes + 63) / 64;
  for (int64_t i = lines * part / parts; i < lines * (part + 1) / parts; ++i)
    __builtin_prefetch(from + i * 64, 0, 2);
}

// A block of kBlockK numbers of k, of `count` panels from p on.
struct PanelBlock {
  int64_t p, count, at, k;
  const uint32_t* w;  // the first panel's
  int64_t next;       // words to the next panel's
};

// Widened beside the packed rows: stored bfloat16 costs many rows nothing.
template <class W>
static inline void multiply_widened(const GemmBlock& b, const PanelBlock& o) {
  float* const panels = b.g.scratch + kBlockRows * kBlockK + 16;
  for (int64_t i = 0; i < o.count; ++i) W::widen(o.w + i * o.next, o.k, panels + i * kBlockK * kPanel);
  const char* const next = reinterpret_cast<const char*>(o.w + (o.k + 1) / 2 * kPanel);
  for (int64_t i = 0; i < b.tiles.count; ++i) {
    Tile t = b.tile(i, o.p, b.g.scratch + o.at * b.rows, b.k_begin + o.at == 0, o.k);
    t.w = panels, t.w_step = kPanel, t.w_vector = kBlockK * kPanel;
    b.look_ahead(i, o.p);
    if (b.few()) prefetch_part(next, kBlockK * kPanel * 2, i, b.tiles.count);
    run_tile<Float32>(b.tiles.size(i), o.count, std::move(t));
  }
}

template <class W>
static inline void multiply_narrow(const GemmBlock& b, const PanelBlock& o) {
  for (int64_t i = 0; i < b.tiles.count; ++i) {
    Tile t = b.tile(i, o.p, b.g.scratch + o.at * b.rows, b.k_begin + o.at == 0, o.k);
    t.w = o.w, t.w_step = kPanel, t.w_vector = 0;
    b.look_ahead(i, o.p);
    run_tile<W>(b.tiles.size(i), 1, std::move(t));
  }
}

// A few panels at once, kBlockK numbers of them at a time. With few rows a panel's numbers are read on
// without a jump, the next ones while these are multiplied.
template <class W>
static void multiply_in_blocks(const GemmBlock& b) {
  const bool widens = b.tiles.count >= W::kWidenedTiles;
  const int64_t words = (b.g.k + 1) / 2, at_once = widens && !b.few() ? kWidenedPanels : 1;
  for (int64_t p = b.g.panel_begin; p < b.g.panel_end; p += at_once) {
    const int64_t count = b.g.panel_end - p < at_once ? b.g.panel_end - p : at_once;
    for (int64_t at = 0; at < b.k; at += kBlockK) {
      const int64_t k = b.k - at < kBlockK ? b.k - at : kBlockK;
      const PanelBlock block{
          p,
          count,
          at,
          k,
          static_cast<const uint32_t*>(b.g.w) + (p * words + (b.k_begin + at) / 2) * kPanel,
          words * kPanel};
      widens ? multiply_widened<W>(b, block) : multiply_narrow<W>(b, block);
    }
  }
}

// Panels that a block's rows multiply at once. One row of a long product waits for memory alone, and that is
// read fastest in as few streams as the machine likes; a short one comes from the cache.
template <class W>
static inline int panels_at_once(const GemmBlock& b) {
  constexpr int64_t kLong = 128;  // words
  const int most = max_vectors(b.tiles.size(0));
  return b.rows == 1 && W::words(b.k) >= kLong && kLongRowPanels < most ? kLongRowPanels : most;
}

template <class W>
static void multiply_stored(const GemmBlock& b) {
  const Gemm& g = b.g;
  const int64_t words = g.bf16 ? (g.k + 1) / 2 : g.k, word = g.bf16 ? b.k_begin / 2 : b.k_begin;
  const float* const rows = g.packed ? g.packed + W::words(b.k_begin) * g.packed_step : g.scratch;
  const int group = panels_at_once<W>(b);
  for (int64_t p = g.panel_begin; p < g.panel_end; p += group) {
    const int64_t panels = g.panel_end - p < group ? g.panel_end - p : group;
    for (int64_t i = 0; i < b.tiles.count; ++i) {
      Tile t = b.tile(i, p, rows, b.k_begin == 0, W::words(b.k));
      t.w = static_cast<const float*>(g.w) + (p * words + word) * kPanel;
      t.w_step = kPanel, t.w_vector = words * kPanel;
      if (const Gemm* behind = b.behind()) {
        t.behind_step = b.tiles.size(i), t.behind_k = W::words(behind->k),
        t.behind_vector = t.behind_k * kPanel;
        t.behind_a = g.scratch + kPackedBehind + b.tiles.begin(i) * t.behind_k;
        t.behind_w = static_cast<const float*>(behind->w) + p * t.behind_vector;
      }
      if (p + group < g.panel_end) b.ask_for_next(i, t, words == t.k ? group : 1, group);
      b.look_ahead(i, p);
      run_tile<W>(b.tiles.size(i), panels, std::move(t));
    }
  }
}

template <class W>
static inline bool in_blocks(const RowTiles& tiles) {
  if constexpr (W::kWidens) return tiles.count >= W::kBlockedTiles;
  return false;
}

template <class W>
static void pack_rows(const GemmBlock& b, int64_t at, int64_t k, float* to) {
  for (int64_t i = 0; i < b.tiles.count; ++i)
    W::pack(b.g.a + (b.row + b.tiles.begin(i)) * b.g.a_stride + b.k_begin + at, b.g.a_stride, b.tiles.size(i),
            k, to + b.tiles.begin(i) * W::words(k));
}

// Numbers [begin, end) of all rows, for several calls (Gemm::packed).
template <class W>
static void pack_rows_apart(const Gemm& g, int64_t begin, int64_t end, float* to) {
  W::pack_apart(g.a + begin, g.a_stride, g.rows, end - begin, to + begin / 2 * g.packed_step, g.packed_step);
}
// Where a word is a pair: elsewhere packing costs little beside the products.
using PackRows = void (*)(const Gemm&, int64_t, int64_t, float*);
template <class W>
constexpr PackRows packs_rows() {
  if constexpr (kPacksApart == 2) return pack_rows_apart<W>;
  return nullptr;
}

// The product of Gemm::beside from the rows that are packed already.
static inline void multiply_beside(const GemmBlock& b, void (*multiply)(const GemmBlock&)) {
  if (!b.g.beside) return;
  Gemm beside = *b.g.beside;
  beside.k = b.g.k, beside.bf16 = b.g.bf16, beside.scratch = b.g.scratch;
  beside.packed = b.g.packed, beside.packed_step = b.g.packed_step;
  multiply({beside, b.row, b.rows, b.k_begin, b.k, b.tiles});
}

template <class W>
static void gemm_block(const GemmBlock& b) {
  if constexpr (W::kWidens)
    if (in_blocks<W>(b.tiles)) {
      for (int64_t at = 0; at < b.k; at += kBlockK)
        pack_rows<W>(b, at, b.k - at < kBlockK ? b.k - at : kBlockK, b.g.scratch + at * b.rows);
      multiply_beside(b, multiply_in_blocks<W>);
      return multiply_in_blocks<W>(b);
    }
  if (!b.g.packed) pack_rows<W>(b, 0, b.k, b.g.scratch);
  multiply_beside(b, multiply_stored<W>);
  if (const Gemm* behind = b.behind())
    pack_rows<W>({*behind, b.row, b.rows, 0, behind->k, b.tiles}, 0, behind->k, b.g.scratch + kPackedBehind);
  multiply_stored<W>(b);
}

template <class W>
static void gemm_as(const Gemm& g) {
  for (int64_t row = 0; row < g.rows; row += kBlockRows) {
    const int64_t rows = g.rows - row < kBlockRows ? g.rows - row : kBlockRows;
    const RowTiles tiles(rows);
    // Weights lie panel by panel: the fewer rows are packed, the further a panel is read before the next.
    int64_t blocks = kBlockRows / rows;
    if (tiles.count > 1 && !in_blocks<W>(tiles) && blocks > 4)
      blocks = 4;  // read again from the second-level cache for each tile
    const int64_t depth = blocks * kBlockK * W::kGroup;
    for (int64_t k = 0; k < g.k; k += depth)
      gemm_block<W>({g, row, rows, k, g.k - k < depth ? g.k - k : depth, tiles});
  }
}

}  // namespace whorl::cpu::WHORL_ISA
