#pragma once
// All parameter sets of a step in three launches: sums of squares, norms, updates. Nobody waits between them:
// what the host would decide, each block of the last one does.
#include "cuda/kernels/adamw.h"

namespace whorl::cuda {

// One parameter set; its sums of squares begin at `sums`, and its weight decay ends at `decayed`.
struct StepPart {
  float *parameter = nullptr, *m = nullptr, *v = nullptr;
  const float* gradient = nullptr;
  int64_t n = 0, decayed = 0, sums = 0;
  double max_grad_norm = 0;
  AdamWNumbers numbers;
  float decay = 0;
};

// SumSquares of every part.
struct PartSquares {
  static constexpr int kThreads = SumSquares::kThreads;
  static constexpr int64_t kShared = SumSquares::kShared;
  Global<const StepPart> parts;
  Global<double> sums;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const StepPart part = parts[grid.block_y()];
    if (static_cast<int64_t>(grid.block()) * SumSquares::kBlock >= part.n) return;
    SumSquares one;
    one.x = Global<const float>(part.gradient), one.sums = sums + part.sums, one.n = part.n;
    one(grid);
  }
};

// A block per part: its sums added in their order by one thread, as the host does it in sum_squares.
struct PartNorms {
  static constexpr int kThreads = 256;
  static constexpr int64_t kShared = shared_size(kThreads * 8);
  Global<const StepPart> parts;
  Global<const double> sums;
  Global<double> norms;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto some = grid.shared<double>(kThreads);
    const StepPart part = parts[grid.block()];
    const int64_t count = (part.n + SumSquares::kBlock - 1) / SumSquares::kBlock;
    double total = 0;
    for (int64_t first = 0; first < count; first += kThreads) {
      const int64_t here = first + kThreads < count ? kThreads : count - first;
      if (grid.thread() < here) some[grid.thread()] = sums[part.sums + first + grid.thread()];
      grid.sync();
      for (int64_t i = 0; grid.thread() == 0 && i < here; ++i) total += some[i];
      grid.sync();
    }
    if (grid.thread() == 0) norms[grid.block()] = sqrt(total);
  }
};

// kBlock numbers of a part in each block; none of any part where a norm is not finite.
struct ClippedAdamW {
  static constexpr int kThreads = 256;
  static constexpr int64_t kBlock = 1 << 12;
  Global<const StepPart> parts;
  Global<const double> norms;
  int64_t count = 0;  // of the parts

  WHORL_DEVICE void operator()(Grid& grid) const {
    const StepPart part = parts[grid.block_y()];
    const int64_t first = static_cast<int64_t>(grid.block()) * kBlock,
                  last = first + kBlock < part.n ? first + kBlock : part.n;
    if (first >= last) return;
    for (int64_t i = 0; i < count; ++i)
      if (!finite(norms[i])) return;
    const float scale = scale_of(part, norms[grid.block_y()]);
    const Global<float> parameter(part.parameter), m(part.m), v(part.v);
    const Global<const float> gradient(part.gradient);
    for (int64_t i = first + grid.thread(); i < last; i += kThreads)
      part.numbers.update(parameter[i], gradient[i] * scale, m[i], v[i],
                          i < part.decayed ? part.decay : 1.0f);
  }

  WHORL_DEVICE float scale_of(const StepPart& part, double norm) const {
    if (part.max_grad_norm <= 0) return 1;
    const double share = part.max_grad_norm / (norm + 1e-6);
    return static_cast<float>(share < 1 ? share : 1);
  }
};

}  // namespace whorl::cuda
