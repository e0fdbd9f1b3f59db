#pragma once
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

// What a step multiplies by.
struct AdamWNumbers {
  float rate = 0;  // learning rate / (1 - beta1^t)
  float beta1 = 0, rest1 = 0, beta2 = 0, rest2 = 0, epsilon = 0, correction2 = 0;

  WHORL_DEVICE void update(float& parameter, float g, float& m, float& v, float decay) const {
    const float mean = fmaf(beta1, m, rest1 * g), square = fmaf(beta2, v, rest2 * g * g);
    m = mean, v = square;
    parameter = parameter * decay - rate * mean / (sqrtf(square) / correction2 + epsilon);
  }
};

struct AdamWStep {
  static constexpr int kThreads = 256;
  Global<float> parameter, m, v;
  Global<const float> gradient;
  int64_t n = 0;
  AdamWNumbers numbers;
  float decay = 0, gradient_scale = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t i = static_cast<int64_t>(grid.block()) * kThreads + grid.thread();
    if (i < n) numbers.update(parameter[i], gradient[i] * gradient_scale, m[i], v[i], decay);
  }
};

// The sum of squares of kBlock numbers of each block, in double.
struct SumSquares {
  static constexpr int kThreads = 256;
  static constexpr int64_t kBlock = 1 << 14, kShared = shared_size(kThreads / 32 * 8);
  Global<const float> x;
  Global<double> sums;
  int64_t n = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto shared = grid.shared<double>(kThreads / 32);
    const int64_t first = static_cast<int64_t>(grid.block()) * kBlock,
                  last = first + kBlock < n ? first + kBlock : n;
    double sum = 0;
    for (int64_t i = first + grid.thread(); i < last; i += kThreads) {
      const auto value = static_cast<double>(x[i]);
      sum += value * value;
    }
    sum = block_sum<kThreads / 32>(grid, sum, shared);
    if (grid.thread() == 0) sums[grid.block()] = sum;
  }
};

}  // namespace whorl::cuda
