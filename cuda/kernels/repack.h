#pragma once
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

// Packed pairs from new values: a [R, K] as it is, (scale b)^T [R, O] from b [O, R], both rounded to bfloat16
// where the pair `rounds`.
struct RepackedPair {
  const float *a = nullptr, *b = nullptr;
  void *to_a = nullptr, *to_bt = nullptr;
  int64_t rank = 0, inputs = 0, outputs = 0;
  float scale = 0;
  bool rounds = false;
};

// Block (x, y): kBlock numbers of pair x, those of a first.
struct RepackPairs {
  static constexpr int kThreads = 256;
  static constexpr int64_t kBlock = 1 << 12;
  Global<const RepackedPair> pairs;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const RepackedPair pair = pairs[grid.block()];
    pair.rounds ? fill<uint16_t>(grid, pair) : fill<float>(grid, pair);
  }

 private:
  template <class T>
  WHORL_DEVICE void fill(Grid& grid, const RepackedPair& pair) const {
    const Global<const float> a(pair.a), b(pair.b);
    const Global<T> to_a(static_cast<T*>(pair.to_a)), to_bt(static_cast<T*>(pair.to_bt));
    const int64_t of_a = pair.rank * pair.inputs, n = of_a + pair.rank * pair.outputs;
    const int64_t first = static_cast<int64_t>(grid.block_y()) * kBlock,
                  last = first + kBlock < n ? first + kBlock : n;
    for (int64_t i = first + grid.thread(); i < last; i += kThreads) {
      if (i < of_a) {
        store(to_a[i], a[i]);
        continue;
      }
      const int64_t r = (i - of_a) / pair.outputs, o = (i - of_a) % pair.outputs;
      store(to_bt[i - of_a], pair.scale * b[o * pair.rank + r]);
    }
  }
};

}  // namespace whorl::cuda
