#pragma once
// Stored bfloat16 weights where the machine multiplies pairs of them (VDPBF16PS): the other operand is
// rounded to bfloat16, to the nearest and ties to even, products and sums are float32. A pair is one 32-bit
// word on both sides, so the loop is the one of float32 over half as many steps.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kPacksApart = 2;

// Sixteen outputs, each a vector of columns, as panels of pairs.
static inline void store_outputs(const Vec (&outputs)[16], float* to) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) store(to + i * kLanes, weave_pairs(outputs[2 * i], outputs[2 * i + 1]));
}

struct Bfloat16 {
  static constexpr int64_t kGroup = 2;
  static constexpr bool kWidens = false;
  static constexpr int64_t kRowStep = 1;
  static int64_t words(int64_t k) { return (k + 1) / 2; }

  // to[i * rows + r] = words of a[r, 2 * i], a[r, 2 * i + 1]; zero past the last k.
  static void pack(const float* a, int64_t stride, int rows, int64_t k, float* to) {
    int64_t i = 0;
    for (; i + 2 * kLanes <= k; i += 2 * kLanes)
      pack_words(rows, kLanes, to + i / 2 * rows, [&](int r) {
        const float* from = a + r * stride + i;
        return round_pairs(load(from), load(from + kLanes));
      });
    if (i == k) return;
    const int64_t low = k - i < kLanes ? k - i : kLanes, high = k - i - low;
    pack_words(rows, (k - i + 1) / 2, to + i / 2 * rows, [&](int r) {
      const float* from = a + r * stride + i;
      return round_pairs(load_lanes(from, low), high > 0 ? load_lanes(from + low, high) : zero());
    });
  }

  // The same of any number of rows side by side, to[i * step + r]: nothing else is written.
  static void pack_apart(const float* a, int64_t stride, int64_t rows, int64_t k, float* to, int64_t step) {
    for (int64_t i = 0; i < k; i += 2 * kLanes)
      for (int64_t r = 0; r < rows; r += 16) {
        const int64_t count = rows - r < 16 ? rows - r : 16, low = k - i < kLanes ? k - i : kLanes,
                      high = k - i - low < kLanes ? k - i - low : kLanes;
        const float* const from = a + r * stride + i;
        Vec square[16];
        if (count == 16 && high == kLanes)
          turn_words(square, [&](int j) {
            return round_pairs(load(from + j * stride), load(from + j * stride + kLanes));
          });
        else
          turn_words(square, [&](int j) {
            const float* const at = from + j * stride;
            if (j >= count) return zero();
            return round_pairs(load_lanes(at, low), high > 0 ? load_lanes(at + low, high) : zero());
          });
        float* const words = to + i / 2 * step + r;
        for (int64_t j = 0; j < (low + high + 1) / 2; ++j) store_lanes(words + j * step, square[j], count);
      }
  }

  template <class Row>
  static inline __attribute__((always_inline)) void turn_words(Vec (&square)[16], Row row) {
#pragma GCC unroll 16
    for (int j = 0; j < 16; ++j) square[j] = row(j);
    transpose(square);
  }

  // Words of up to sixteen rows, row(r), turned; all sixteen stay in registers.
  template <class Row>
  static inline __attribute__((always_inline)) void pack_words(int rows, int64_t words, float* to, Row row) {
    if (rows == 1) return store_lanes(to, row(0), words);
    Vec square[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) square[r] = r < rows ? row(r) : zero();
    transpose(square);
    if (words == kLanes) {
#pragma GCC unroll 16
      for (int j = 0; j < 16; ++j) store(to + j * rows, square[j]);
    } else {
      for (int64_t j = 0; j < words; ++j) store(to + j * rows, square[j]);
    }
  }

  // Up to eight words of sixteen columns, turned: sixteen columns' numbers, two and two, of sixteen inputs.
  static inline void turn(const float* from, int64_t words, float* to) {
    Vec row[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) row[i] = i < words ? load(from + i * kPanel) : zero();
    turn_pairs(row);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) store(to + i * kLanes, row[i]);
  }

  static inline Vec add(Vec x, Vec w, Vec acc) { return dot_pairs(x, w, acc); }

  template <int R, int V>
  static inline __attribute__((always_inline)) void reduce(Vec (&acc)[R][V], const Tile& t) {
    reduce_words<Bfloat16, R, V>(acc, t);
  }
};

}  // namespace whorl::cpu::WHORL_ISA
