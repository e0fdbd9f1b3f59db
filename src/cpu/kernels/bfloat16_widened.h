#pragma once
// Stored bfloat16 weights where the machine cannot multiply them: widened exactly, multiplied in float32.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

constexpr int64_t kPacksApart = 1;

static inline void store_outputs(const Vec (&outputs)[16], float* to) {
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) store(to + i * kLanes, outputs[i]);
}

struct Bfloat16 {
  static constexpr int64_t kGroup = 1;
  static constexpr bool kWidens = true;
  static constexpr int64_t kBlockedTiles = kTilesInBlocks, kWidenedTiles = kTilesWidened;
  static int64_t words(int64_t k) { return k; }
  static void pack(const float* a, int64_t stride, int rows, int64_t k, float* to) {
    pack_tile(a, stride, rows, k, to);
  }

  // k numbers of one panel: [k][16].
  static void widen(const uint32_t* w, int64_t k, float* to) {
    Vec even, odd;
    for (int64_t i = 0; i < k; i += 2, w += kPanel, to += 2 * kPanel) {
      load_pairs(w, even, odd);
      store(to, even);
      if (i + 1 < k) store(to + kPanel, odd);
    }
  }

  // Up to eight words of sixteen columns, widened and turned: sixteen columns' numbers of sixteen inputs.
  static inline void turn(const float* from, int64_t words, float* to) {
    Vec square[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i)
      if (i < words)
        load_pairs(reinterpret_cast<const uint32_t*>(from + i * kPanel), square[2 * i], square[2 * i + 1]);
      else
        square[2 * i] = square[2 * i + 1] = zero();
    transpose(square);
    store_outputs(square, to);
  }

  template <int R, int V>
  static inline __attribute__((always_inline)) void reduce(Vec (&acc)[R][V], const Tile& t) {
    const uint32_t* w = static_cast<const uint32_t*>(t.w);
    const float* a = t.a;
    int64_t k = 0;
    if constexpr (R >= kPairRows && V == 1) {
      add_pairs<R>(acc, a, w, t.k / 2);
      k = t.k / 2 * 2, a += k * R, w += k / 2 * kPanel;
    }
    Vec even[V], odd[V];
    for (; k + 1 < t.k; k += 2, a += 2 * t.a_step, w += t.w_step) {
      ask_ahead<R, V>(w, t);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) load_pairs(w + v * t.w_vector, even[v], odd[v]);
      multiply<Float32, R, V>(acc, a, even);
      multiply<Float32, R, V>(acc, a + t.a_step, odd);
    }
    if (t.k % 2) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) load_pairs(w + v * t.w_vector, even[v], odd[v]);
      multiply<Float32, R, V>(acc, a, even);
    }
  }
};

}  // namespace whorl::cpu::WHORL_ISA
