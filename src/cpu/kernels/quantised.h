#pragma once
// Products with weights of whole numbers (kernels.h, QuantGemm). Rows are rounded one by one, so a row's
// result knows no other row; the unsigned codes' offset is taken back by starting a group's sum at minus the
// offset times the sum of the row's codes.
#include <cstdint>

#include "cpu/kernels.h"

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kQuantRows = 48;      // rows rounded at once
constexpr int64_t kWords = kGroup / 4;  // of a group of a row
constexpr float kRoundingMagic =
    12582912;  // 1.5 * 2^23: adding it rounds, and leaves the number in the low bits

static inline int64_t groups_of(int64_t k) { return (k + kGroup - 1) / kGroup; }

static int64_t gemm_quantised_scratch(int64_t k) { return kQuantRows * groups_of(k) * (kWords + 2) + 64; }

// Rows side by side, word j of group g of row r at words[(g * 8 + j) * rows + r]; or, for tiles, words of a
// row together, at words[(g * rows + r) * 8 + j].
struct RoundedRows {
  float *words, *scales, *sums;
  int64_t rows, groups, word_step, row_step;
  RoundedRows(float* memory, int64_t n, int64_t k, bool tiles = false)
      : rows(n), groups(groups_of(k)), word_step(tiles ? 1 : n), row_step(tiles ? kWords : 1) {
    words = memory, memory += n * groups * kWords;
    scales = memory, memory += n * groups;
    sums = memory;
  }
};

// One row into column r. A group with a number that is none stays one: its scale becomes NaN.
static inline void round_row(const float* x, int64_t k, const RoundedRows& to, int64_t r) {
  const Vec magic = broadcast(kRoundingMagic);
  for (int64_t g = 0; g < to.groups; ++g, x += kGroup, k -= kGroup) {
    const int64_t low = k < kLanes ? k : kLanes, high = k - low < kLanes ? k - low : kLanes;
    const Vec a = load_lanes(x, low), b = high > 0 ? load_lanes(x + low, high) : zero();
    const float most = reduce_max(max(max(a, sub(zero(), a)), max(b, sub(zero(), b))));
    const float nothing = reduce_add(add(mul(a, zero()), mul(b, zero())));
    const Vec inverse = broadcast(most > 0 ? 127.0f / most : 0.0f);
    const Vec first = add(mul(a, inverse), magic), second = add(mul(b, inverse), magic);
    uint8_t bytes[kGroup];
    store_low_bytes(bytes, first);
    store_low_bytes(bytes + kLanes, second);
    float words[kWords];
    __builtin_memcpy(words, bytes, sizeof words);
    float* const place = to.words + g * kWords * to.rows + r * to.row_step;
    for (int j = 0; j < kWords; ++j) place[j * to.word_step] = words[j];
    to.scales[g * to.rows + r] = most / 127.0f + nothing;
    to.sums[g * to.rows + r] = reduce_add(add(sub(first, magic), sub(second, magic)));
  }
}

struct Int8Codes {
  static constexpr int64_t kBytes = kGroup * kPanel;
  static constexpr int32_t kOffset = 128;
  // body(word, its sixteen columns) for the eight words of a group.
  template <class Body>
  static inline __attribute__((always_inline)) void words(const uint8_t* p, Body body) {
#pragma GCC unroll 8
    for (int j = 0; j < kWords; ++j) body(j, load_bytes(p + j * 64));
  }
};

struct Int4Codes {
  static constexpr int64_t kBytes = kGroup / 2 * kPanel;
  static constexpr int32_t kOffset = 8;
  template <class Body>
  static inline __attribute__((always_inline)) void words(const uint8_t* p, Body body) {
#pragma GCC unroll 4
    for (int j = 0; j < kWords / 2; ++j) {
      const Vec both = load_bytes(p + j * 64);
      body(j, low_nibbles(both));
      body(j + kWords / 2, high_nibbles(both));
    }
  }
};

struct QuantTile {
  RoundedRows a;
  int64_t row;  // of a's rows, the tile's first
  const uint8_t* codes;
  const uint16_t* scales;
  const float* init;
  float* c;
  int64_t c_stride, columns;
};

// R rows and V panels of sixteen columns.
template <class Codes, int R, int V>
static void quant_micro(const QuantTile& t) {
  Vec acc[R][V];
  for (int r = 0; r < R; ++r)
    if (t.init)
      load_row<V>(acc[r], t.init, t.columns);
    else
      for (int v = 0; v < V; ++v) acc[r][v] = zero();
  const int64_t groups = t.a.groups, rows = t.a.rows;
  for (int64_t g = 0; g < groups; ++g) {
    const float *words = t.a.words + g * kWords * rows + t.row, *sums = t.a.sums + g * rows + t.row;
    Vec dot[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec start = broadcast_int(-Codes::kOffset * static_cast<int32_t>(sums[r]));
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) dot[r][v] = start;
    }
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      Codes::words(t.codes + (v * groups + g) * Codes::kBytes, [&](int j, Vec w) {
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) dot[r][v] = dot_bytes(dot[r][v], w, broadcast(words[j * rows + r]));
      });
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const Vec scale = load_halves(t.scales + (v * groups + g) * kPanel);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
        acc[r][v] =
            fma(to_floats(dot[r][v]), mul(scale, broadcast(t.a.scales[g * rows + t.row + r])), acc[r][v]);
    }
  }
  for (int r = 0; r < R; ++r) store_row<V>(t.c + r * t.c_stride, acc[r], t.columns);
}

using QuantMicro = void (*)(const QuantTile&);

// One row walks several panels at once (one alone would wait for its own sums), many rows one panel.
constexpr int kQuantTileRows = kMaxRows < 8 ? kMaxRows : 8;
template <class Codes>
static inline QuantMicro find_quant(int rows) {
  static constexpr QuantMicro table[8] = {quant_micro<Codes, 1, 1>,
                                          quant_micro<Codes, 2, 1>,
                                          kQuantTileRows >= 3 ? quant_micro<Codes, 3, 1> : nullptr,
                                          kQuantTileRows >= 4 ? quant_micro<Codes, 4, 1> : nullptr,
                                          kQuantTileRows >= 5 ? quant_micro<Codes, 5, 1> : nullptr,
                                          kQuantTileRows >= 6 ? quant_micro<Codes, 6, 1> : nullptr,
                                          kQuantTileRows >= 7 ? quant_micro<Codes, 7, 1> : nullptr,
                                          kQuantTileRows >= 8 ? quant_micro<Codes, 8, 1> : nullptr};
  return table[rows - 1];
}

template <class Codes>
static void quant_rows(const QuantGemm& g, const RoundedRows& a, int64_t row, int64_t rows) {
  const int64_t tiles = (rows + kQuantTileRows - 1) / kQuantTileRows;
  const auto tile = [&](int64_t first, int64_t panel) {
    const int64_t block = panel * a.groups;
    return QuantTile{a,
                     first,
                     g.codes + block * Codes::kBytes,
                     g.scales + block * kPanel,
                     g.init ? g.init + panel * kPanel : nullptr,
                     g.c + (row + first) * g.c_stride + panel * kPanel,
                     g.c_stride,
                     g.columns - panel * kPanel};
  };
  int64_t p = g.panel_begin;
  for (; rows == 1 && p + 4 <= g.panel_end; p += 4) quant_micro<Codes, 1, 4>(tile(0, p));
  for (; p < g.panel_end; ++p)
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t first = rows * i / tiles, last = rows * (i + 1) / tiles;
      find_quant<Codes>(static_cast<int>(last - first))(tile(first, p));
    }
}

static void gemm_quantised(const QuantGemm& g) {
  for (int64_t row = 0; row < g.rows; row += kQuantRows) {
    const int64_t rows = g.rows - row < kQuantRows ? g.rows - row : kQuantRows;
    const RoundedRows a(g.scratch, rows, g.k);
    for (int64_t r = 0; r < rows; ++r) round_row(g.a + (row + r) * g.a_stride, g.k, a, r);
    g.int4 ? quant_rows<Int4Codes>(g, a, row, rows) : quant_rows<Int8Codes>(g, a, row, rows);
  }
}

// The sixteen inputs of a panel, for sixteen outputs at a time: made with outputs side by side, then turned.
template <class Codes>
static void widen_as(const QuantWiden& w) {
  const int64_t groups = groups_of(w.k), group = w.panel / 2;
  const bool upper = w.panel % 2 != 0;
  const Vec offset = broadcast(static_cast<float>(Codes::kOffset));
  for (int64_t output = 0; output < w.columns; output += kPanel) {
    const int64_t block = output / kPanel * groups + group;
    const Vec scale = load_halves(w.scales + block * kPanel);
    Vec square[16];
    Codes::words(w.codes + block * Codes::kBytes, [&](int j, Vec word) {
      if (j / 4 != static_cast<int>(upper)) return;
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i)
        square[j % 4 * 4 + i] = mul(scale, sub(to_floats(pick_byte(word, i)), offset));
    });
    transpose(square);
    float* const to = w.to + output / Bfloat16::kGroup * kPanel;
    const int64_t left = w.columns - output;
    if (left >= kPanel) {
      store_outputs(square, to);
      continue;
    }
    float last[16 * kPanel];  // outputs past the last have no place
    store_outputs(square, last);
    for (int64_t i = 0; i < (left + Bfloat16::kGroup - 1) / Bfloat16::kGroup * kPanel; ++i) to[i] = last[i];
  }
}

static void widen_quantised(const QuantWiden& w) { w.int4 ? widen_as<Int4Codes>(w) : widen_as<Int8Codes>(w); }

}  // namespace whorl::cpu::WHORL_ISA
