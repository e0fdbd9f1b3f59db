#pragma once
// What a likelihood needs of long rows of logits: a block walks a row twice.
#include "cuda/kernels/ranked.h"

namespace whorl::cuda {

struct Score {
  static constexpr int kThreads = 256, kWarps = kThreads / 32;
  static constexpr int64_t kShared = 3 * shared_size(kWarps * 4) + shared_size(kWarps * 8);
  Dense<const float> logits;
  Global<const int32_t> targets;
  Dense<int32_t> out;  // see Backend::score
  int64_t vocabulary = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto values = grid.shared<float>(kWarps);
    const auto ids = grid.shared<int32_t>(kWarps);
    const auto flags = grid.shared<float>(kWarps);
    const auto sums = grid.shared<double>(kWarps);
    const auto row = logits.row(grid.block());
    Ranked best{-kEndless, kNoId};
    bool broken = false;
    for (int64_t v = grid.thread(); v < vocabulary; v += kThreads) {
      const Ranked x{row[v], static_cast<int32_t>(v)};
      broken = broken || !(x.value < kEndless);
      if (x.before(best)) best = x;
    }
    broken = block_max<kWarps>(grid, broken ? 1.0f : 0.0f, flags) > 0;
    best = best_of_block<kWarps>(grid, best, values, ids);
    double sum = 0;
    for (int64_t v = grid.thread(); v < vocabulary && !broken; v += kThreads)
      sum += static_cast<double>(expf(row[v] - best.value));
    sum = block_sum<kWarps>(grid, sum, sums);
    if (grid.thread() == 0) write(grid, best, broken, row[targets[grid.block()]], sum);
  }

 private:
  WHORL_DEVICE void write(Grid& grid, const Ranked& best, bool broken, float target, double sum) const {
    const auto to = out.row(grid.block());
    to[0] = best.id;
    to[1] = static_cast<int32_t>(float_to_bits(broken ? kEndless - kEndless : best.value));
    to[2] = static_cast<int32_t>(float_to_bits(target));
    int32_t words[2];
    __builtin_memcpy(words, &sum, sizeof sum);
    to[3] = words[0], to[4] = words[1];
  }
};

}  // namespace whorl::cuda
