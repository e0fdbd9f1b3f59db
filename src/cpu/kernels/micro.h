#pragma once
// The one inner loop that every product of the backend is made of:
//   c[r][v] = init[r][v] + sum over k of a[k][r] * w[k][v]
// for R rows and V vectors of 16 columns. Each element has one accumulator and takes its k strictly in
// order, so cutting a product into tiles, blocks of k or threads cannot change a bit of it.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

struct Tile {
  const float* a;  // element (k, r) at a[k * a_step + r * kRowStep], a constant of the product, usually 1
  int64_t a_step;
  const void* w;             // float32: element (k, v, lane) at w[k * w_step + v * w_vector + lane]
  int64_t w_step, w_vector;  // bfloat16: in words of two k, k = 2 * i and 2 * i + 1 at word i * w_step
  int64_t k;                 // steps of a: W::words() of the numbers
  const float* init;         // null: zeros; stride 0: one row for all (a bias)
  int64_t init_stride;
  float* c;
  int64_t c_stride;
  int64_t columns;  // of 16 * V, how many exist
  // Null, or weights of later tiles, asked for while this one multiplies: ask_step numbers further each step.
  const float* ask = nullptr;
  int64_t ask_step = 0;
  // Further steps of the same sums, none where behind_k is 0: as a, w and k above, with the steps of those.
  const float* behind_a = nullptr;
  const float* behind_w = nullptr;
  int64_t behind_step = 0, behind_vector = 0, behind_k = 0;
};

template <int V>
static inline void load_row(Vec (&row)[V], const float* from, int64_t columns) {
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    const int64_t left = columns - v * kLanes;
    row[v] = left >= kLanes ? load(from + v * kLanes)
             : left > 0     ? load_partial(from + v * kLanes, left)
                            : zero();
  }
}

template <int V>
static inline void store_row(float* to, const Vec (&row)[V], int64_t columns) {
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    const int64_t left = columns - v * kLanes;
    if (left >= kLanes)
      store(to + v * kLanes, row[v]);
    else if (left > 0)
      store_partial(to + v * kLanes, row[v], left);
  }
}

template <class Product, int R, int V>
static inline __attribute__((always_inline)) void multiply(Vec (&acc)[R][V], const float* a,
                                                           const Vec (&b)[V]) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    const Vec x = broadcast(a[r * Product::kRowStep]);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) acc[r][v] = Product::add(x, b[v], acc[r][v]);
  }
}

// The weights of a later step are asked for: one row waits for memory, and many keep the machine too busy to
// look far ahead by itself. Inlined by force: GCC drops the call of a function that only prefetches.
template <int R, int V, class Word>
static inline __attribute__((always_inline)) void ask_ahead(const Word* w, const Tile& t) {
  // A tall tile takes longer over a step than memory over a line, but reads a single stream, which comes
  // late.
  constexpr int64_t kAhead = R > kMaxRows ? 4 * kStepsAhead : kStepsAhead;
  if constexpr (kAhead > 0 && R >= kRowsThatAsk) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) __builtin_prefetch(w + v * t.w_vector + kAhead * t.w_step, 0, 3);
  }
}

// Tiles beside which others share the weights.
constexpr bool asks_for_later(int rows) { return kStepsAhead > 0 && rows >= kRowsThatAsk && rows > 1; }

// The loop over steps that hold one word of each row and column. Product::add(x, w, acc) multiplies two
// words.
template <class Product, int R, int V>
static inline __attribute__((always_inline)) void reduce_words(Vec (&acc)[R][V], const Tile& t) {
  const float* w = static_cast<const float*>(t.w);
  const float* a = t.a;
  if constexpr (asks_for_later(R))
    if (t.ask) {
      const float* ask = t.ask;
      const bool two = t.ask_step > kLanes;  // lines a step
      for (int64_t k = 0; k < t.k; ++k, a += t.a_step, w += t.w_step, ask += t.ask_step) {
        Vec b[V];
        __builtin_prefetch(ask, 0, 3);
        if (two) __builtin_prefetch(ask + kLanes, 0, 3);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) b[v] = load(w + v * t.w_vector);
        multiply<Product, R, V>(acc, a, b);
      }
      return;
    }
  for (int64_t k = 0; k < t.k; ++k, a += t.a_step, w += t.w_step) {
    Vec b[V];
    ask_ahead<R, V>(w, t);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) b[v] = load(w + v * t.w_vector);
    multiply<Product, R, V>(acc, a, b);
  }
}

struct Float32 {
  static constexpr int64_t kGroup = 1;
  static constexpr int64_t kRowStep = 1;
  static constexpr bool kWidens = false;
  static int64_t words(int64_t k) { return k; }
  static void pack(const float* a, int64_t stride, int rows, int64_t k, float* to) {
    pack_tile(a, stride, rows, k, to);
  }
  static inline Vec add(Vec x, Vec w, Vec acc) { return fma(x, w, acc); }

  template <int R, int V>
  static inline __attribute__((always_inline)) void reduce(Vec (&acc)[R][V], const Tile& t) {
    reduce_words<Float32, R, V>(acc, t);
  }
};

// Whole vectors are told from the last few columns once a tile: a short product would feel a question a row.
template <int R, int V>
static inline __attribute__((always_inline)) void begin_sums(Vec (&acc)[R][V], const Tile& t) {
  if (!t.init) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] = zero();
  } else if (t.columns >= V * kLanes) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) acc[r][v] = load(t.init + r * t.init_stride + v * kLanes);
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) load_row<V>(acc[r], t.init + r * t.init_stride, t.columns);
  }
}

template <class W, int R, int V>
static void micro(const Tile& t) {
  Vec acc[R][V];
  begin_sums(acc, t);
  W::template reduce<R, V>(acc, t);
  if (t.behind_k > 0) {
    Tile behind = t;
    behind.a = t.behind_a, behind.a_step = t.behind_step, behind.w = t.behind_w,
    behind.w_vector = t.behind_vector, behind.k = t.behind_k;
    W::template reduce<R, V>(acc, behind);
  }
  if (t.columns >= V * kLanes) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) store(t.c + r * t.c_stride + v * kLanes, acc[r][v]);
    return;
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) store_row<V>(t.c + r * t.c_stride, acc[r], t.columns);
}

using Micro = void (*)(const Tile&);

// The instance for `rows` rows and 1, 2, 4 or 8 vectors; null where the accumulators would not fit.
template <class W, int R, int V>
constexpr Micro instance() {
  if constexpr (R <= kTallRows && V <= max_vectors(R)) return micro<W, R, V>;
  return nullptr;
}

template <class W>
static inline Micro find_micro(int rows, int vectors) {
#define WHORL_ROW(R) {instance<W, R, 1>(), instance<W, R, 2>(), instance<W, R, 4>(), instance<W, R, 8>()}
  static constexpr Micro table[16][4] = {WHORL_ROW(1),  WHORL_ROW(2),  WHORL_ROW(3),  WHORL_ROW(4),
                                         WHORL_ROW(5),  WHORL_ROW(6),  WHORL_ROW(7),  WHORL_ROW(8),
                                         WHORL_ROW(9),  WHORL_ROW(10), WHORL_ROW(11), WHORL_ROW(12),
                                         WHORL_ROW(13), WHORL_ROW(14), WHORL_ROW(15), WHORL_ROW(16)};
#undef WHORL_ROW
  return table[rows - 1][vectors == 8 ? 3 : vectors == 4 ? 2 : vectors - 1];
}

// The most vectors (1, 2, 4 or 8) that the registers of `rows` rows allow and that are `left` to do.
static inline int pick_vectors(int rows, int64_t left) {
  int vectors = max_vectors(rows);
  while (vectors > left) vectors /= 2;
  return vectors;
}

}  // namespace whorl::cpu::WHORL_ISA
