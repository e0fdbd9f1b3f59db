#pragma once
// Products with weights of whole numbers (kernels.h, QuantGemm). Rows are rounded one by one, so a row's
// result knows no other row. What the unsigned codes' offset added is taken back from a group's sum: the
// offset times the sum of the row's codes. A group's minimum is multiplied by that sum too.
#include <cstdint>

#include "cpu/kernels.h"

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kWords = kGroup / 4;  // of a group of a row
constexpr float kRoundingMagic =
    12582912;  // 1.5 * 2^23: adding it rounds, and leaves the number in the low bits

static inline int64_t groups_of(int64_t k) { return (k + kGroup - 1) / kGroup; }

static int64_t gemm_quantised_scratch(int64_t k) { return kQuantRows * groups_of(k) * (kWords + 2) + 64; }

// Rows side by side, word j of group g of row r at words[(g * 8 + j) * rows + r]; or, for tiles, words of a
// row together, at words[(g * rows + r) * 8 + j].
// `sums` is what a group's total is corrected by: offset * the sum of the row's codes or, where weights have
// minima, minus that sum times the row's scale.
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
static inline void round_row(const float* x, int64_t k, const QuantMatrix& w, const RoundedRows& to,
                             int64_t r) {
  const float offset = w.int4 ? 8.0f : 128.0f;
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
    const float scale = most / 127.0f + nothing;
    const float sum = reduce_add(add(sub(first, magic), sub(second, magic)));
    to.scales[g * to.rows + r] = scale;
    to.sums[g * to.rows + r] = w.minima ? -(sum * scale) : offset * sum;
  }
}

constexpr int64_t kPartBytes = 64 / kParts;  // of a word of all columns

// The rows' next word. GCC would keep a pointer to every word of every row, on the stack, and read it there
// before the word itself: it must not know where this one goes.
static inline __attribute__((always_inline)) void step_on(const float*& words, int64_t step) {
  words += step;
  __asm__("" : "+r"(words));
}

// body(word, its sixteen columns) for the eight words of a group; and the sums of all columns with R rows
// side by side: a row's word is fetched once for all parts.
struct Int8Codes {
  static constexpr int64_t kBytes = kGroup * kPanel;
  static constexpr int32_t kOffset = 128;
  static constexpr bool kShifted = kShifted8;
  template <class Body>
  static inline __attribute__((always_inline)) void words(const uint8_t* p, Body body) {
#pragma GCC unroll 8
    for (int j = 0; j < kWords; ++j) body(j, load_bytes(p + j * 64));
  }
  template <int R>
  static inline __attribute__((always_inline)) void multiply(const uint8_t* p, const float* x, int64_t step,
                                                             Part (&sum)[kParts][R]) {
#pragma GCC unroll 8
    for (int j = 0; j < kWords; ++j, step_on(x, step)) {
      Codes8 w[kParts];
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) w[part] = codes8(load_part(p + j * 64 + part * kPartBytes));
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Part word = broadcast_word(x + r);
#pragma GCC unroll 2
        for (int part = 0; part < kParts; ++part) sum[part][r] = dot8(sum[part][r], w[part], word);
      }
    }
  }
  template <class... Parts>
  static inline Vec totals(Parts... parts) {
    return totals8(parts...);
  }
};

struct Int4Codes {
  static constexpr int64_t kBytes = kGroup / 2 * kPanel;
  static constexpr int32_t kOffset = 8;
  static constexpr bool kShifted = true;
  template <class Body>
  static inline __attribute__((always_inline)) void words(const uint8_t* p, Body body) {
#pragma GCC unroll 4
    for (int j = 0; j < kWords / 2; ++j) {
      const Vec both = load_bytes(p + j * 64);
      body(j, low_nibbles(both));
      body(j + kWords / 2, high_nibbles(both));
    }
  }
  template <int R>
  static inline __attribute__((always_inline)) void multiply(const uint8_t* p, const float* x, int64_t step,
                                                             Part (&sum)[kParts][R]) {
    const float* y = x + kWords / 2 * step;
#pragma GCC unroll 4
    for (int j = 0; j < kWords / 2; ++j, step_on(x, step), step_on(y, step)) {
      Part low[kParts], high[kParts];
#pragma GCC unroll 2
      for (int part = 0; part < kParts; ++part) {
        const Part both = load_part(p + j * 64 + part * kPartBytes);
        low[part] = low_part(both), high[part] = high_part(both);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Part first = broadcast_word(x + r), second = broadcast_word(y + r);
#pragma GCC unroll 2
        for (int part = 0; part < kParts; ++part)
          sum[part][r] = dot4(dot4(sum[part][r], low[part], first), high[part], second);
      }
    }
  }
  template <class... Parts>
  static inline Vec totals(Parts... parts) {
    return totals4(parts...);
  }
};

// The totals of R rows with one group of one panel.
template <class Codes, int R>
static inline __attribute__((always_inline)) void group_totals(const uint8_t* p, const float* x, int64_t step,
                                                               Vec (&total)[R]) {
  Part sum[kParts][R];
  for (int part = 0; part < kParts; ++part)
    for (int r = 0; r < R; ++r) sum[part][r] = no_sum();
  Codes::template multiply<R>(p, x, step, sum);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    if constexpr (kParts == 2)
      total[r] = Codes::totals(sum[0][r], sum[kParts - 1][r]);
    else
      total[r] = Codes::totals(sum[0][r]);
}

struct QuantTile {
  RoundedRows a;
  int64_t row;  // of a's rows, the tile's first
  const uint8_t* codes;
  const uint16_t *scales, *minima;
  const float* init;
  float* c;
  int64_t c_stride, columns;
};

// acc + what a group's totals stand for: the same steps for every instruction set.
template <bool kShifted>
static inline __attribute__((always_inline)) Vec add_group(Vec acc, Vec total, Vec scale, float row_scale,
                                                           float row_sum, const Vec* minimum) {
  if (minimum) return fma(*minimum, broadcast(row_sum), fma(total, mul(scale, broadcast(row_scale)), acc));
  if constexpr (kShifted) total = sub(total, broadcast(row_sum));
  return fma(total, mul(scale, broadcast(row_scale)), acc);
}

// Two short streams (codes, scales) with little work between them: the machine's own guess is too short. The
// first rows of a panel ask for all. Bytes ahead, measured: several rows may multiply a panel again while the
// next ones come.
template <class Codes, int R, int V>
static inline __attribute__((always_inline)) void prefetch_codes(const QuantTile& t, int64_t block) {
  constexpr int64_t kAhead = R > 1 && kParts == 1 ? 8192 : 1024;
  if ((R < kRowsThatAskCodes && V == 1) || t.row > 0) return;
#pragma GCC unroll 8
  for (int64_t i = 0; i < Codes::kBytes; i += 64)
    __builtin_prefetch(t.codes + block * Codes::kBytes + kAhead + i, 0, 3);
}

// R rows and V panels of sixteen columns.
template <class Codes, int R, int V, bool kMinima>
static void quant_micro(const QuantTile& t) {
  Vec acc[R][V];
  for (int r = 0; r < R; ++r)
    if (t.init)
      load_row<V>(acc[r], t.init, t.columns);
    else
      for (int v = 0; v < V; ++v) acc[r][v] = zero();
  const int64_t groups = t.a.groups, rows = t.a.rows;
  for (int64_t g = 0; g < groups; ++g) {
    const float *words = t.a.words + g * kWords * rows + t.row, *scales = t.a.scales + g * rows + t.row,
                *sums = t.a.sums + g * rows + t.row;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const int64_t block = v * groups + g;
      Vec total[R], minimum = zero();
      prefetch_codes<Codes, R, V>(t, block);
      group_totals<Codes>(t.codes + block * Codes::kBytes, words, rows, total);
      const Vec scale = load_halves(t.scales + block * kPanel);
      if constexpr (kMinima) minimum = load_halves(t.minima + block * kPanel);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
        acc[r][v] = add_group<Codes::kShifted>(acc[r][v], total[r], scale, scales[r], sums[r],
                                               kMinima ? &minimum : nullptr);
    }
  }
  for (int r = 0; r < R; ++r) store_row<V>(t.c + r * t.c_stride, acc[r], t.columns);
}

using QuantMicro = void (*)(const QuantTile&);

// Rows whose sums, and the words of a step, stay in registers.
constexpr int kQuantTileRows = kMaxRows < 3 ? kMaxRows : 8 / kParts;
template <class Codes, bool kMinima, int... kRows>
static inline QuantMicro quant_of(int rows) {
  static constexpr QuantMicro table[] = {quant_micro<Codes, kRows, 1, kMinima>...};
  return table[rows - 1];
}
template <class Codes, bool kMinima>
static inline QuantMicro find_quant(int rows) {
  if constexpr (kQuantTileRows == 2)
    return quant_of<Codes, kMinima, 1, 2>(rows);
  else if constexpr (kQuantTileRows == 4)
    return quant_of<Codes, kMinima, 1, 2, 3, 4>(rows);
  else
    return quant_of<Codes, kMinima, 1, 2, 3, 4, 5, 6, 7, 8>(rows);
}

// One panel of a product, from row `first` of the rounded ones on.
template <class Codes>
static inline QuantTile quant_tile(const QuantGemm& g, const RoundedRows& a, int64_t row, int64_t first,
                                   int64_t panel) {
  const int64_t block = panel * a.groups;
  return {a,
          first,
          g.w.codes + block * Codes::kBytes,
          g.w.scales + block * kPanel,
          g.w.minima ? g.w.minima + block * kPanel : nullptr,
          g.init ? g.init + panel * kPanel : nullptr,
          g.c + (row + first) * g.c_stride + panel * kPanel,
          g.c_stride,
          g.columns - panel * kPanel};
}

// One row walks several panels at once where one alone would wait for its own sums, or where a panel is so
// long that the row has left the first-level cache by the next one. Many rows walk one panel.
constexpr int kOneRowPanels = kParts == 1 ? kCodePanels : 1, kLongRowCodePanels = kParts == 1 ? 4 : 1;
constexpr int64_t kLongRowGroups = 128;
template <class Codes, bool kMinima>
static void quant_rows(const QuantGemm& g, const RoundedRows& a, int64_t row, int64_t rows) {
  const int64_t tiles = (rows + kQuantTileRows - 1) / kQuantTileRows;
  int64_t p = g.panel_begin;
  const auto walk = [&]<int V>() {
    for (; p + V <= g.panel_end; p += V)
      quant_micro<Codes, 1, V, kMinima>(quant_tile<Codes>(g, a, row, 0, p));
  };
  if (rows == 1 && a.groups >= kLongRowGroups && kLongRowCodePanels > kOneRowPanels)
    walk.template operator()<kLongRowCodePanels>();
  else if (rows == 1)
    walk.template operator()<kOneRowPanels>();
  for (; p < g.panel_end; ++p)
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t first = rows * i / tiles, last = rows * (i + 1) / tiles;
      find_quant<Codes, kMinima>(static_cast<int>(last - first))(quant_tile<Codes>(g, a, row, first, p));
    }
}

static void round_rows(const QuantGemm& g, int64_t begin, int64_t end) {
  const RoundedRows a(g.scratch, g.rows, g.k);
  for (int64_t r = begin; r < end; ++r) round_row(g.a + r * g.a_stride, g.k, g.w, a, r);
}

static void gemm_quantised(const QuantGemm& g) {
  for (int64_t row = 0; row < g.rows; row += kQuantRows) {
    const int64_t rows = g.rows - row < kQuantRows ? g.rows - row : kQuantRows;
    const RoundedRows a(g.scratch, rows, g.k);
    for (int64_t r = 0; !g.rounded && r < rows; ++r) round_row(g.a + (row + r) * g.a_stride, g.k, g.w, a, r);
    if (!g.w.int4)
      quant_rows<Int8Codes, false>(g, a, row, rows);
    else
      g.w.minima ? quant_rows<Int4Codes, true>(g, a, row, rows)
                 : quant_rows<Int4Codes, false>(g, a, row, rows);
  }
}

// The sixteen inputs of a panel, for sixteen outputs at a time: made with outputs side by side, then turned.
template <class Codes>
static void widen_as(const QuantWiden& w) {
  const int64_t groups = groups_of(w.k), group = w.panel / 2;
  const bool upper = w.panel % 2 != 0;
  const Vec offset = broadcast(w.w.minima ? 0.0f : static_cast<float>(Codes::kOffset));
  for (int64_t output = 0; output < w.columns; output += kPanel) {
    const int64_t block = output / kPanel * groups + group;
    const Vec scale = load_halves(w.w.scales + block * kPanel);
    const Vec minimum = w.w.minima ? load_halves(w.w.minima + block * kPanel) : zero();
    Vec square[16];
    Codes::words(w.w.codes + block * Codes::kBytes, [&](int j, Vec word) {
      if (j / 4 != static_cast<int>(upper)) return;
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i)
        square[j % 4 * 4 + i] = sub(mul(scale, sub(to_floats(pick_byte(word, i)), offset)), minimum);
    });
    place_outputs<Bfloat16::kGroup>(output, w.columns, w.to, [&](float* to) {
      transpose(square);
      store_outputs(square, to);
    });
  }
}

static void widen_quantised(const QuantWiden& w) {
  w.w.int4 ? widen_as<Int4Codes>(w) : widen_as<Int8Codes>(w);
}

}  // namespace whorl::cpu::WHORL_ISA
