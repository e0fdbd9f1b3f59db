#include <algorithm>
#include <cmath>

#include "cpu/backend.h"
#include "cpu/checks.h"

namespace whorl::cpu {

namespace {
constexpr int64_t kBlock = 1 << 14;
}  // namespace

// Blocks of a fixed size, their sums added in order: the same number on any number of threads.
double CpuBackend::sum_squares(const Tensor& x) {
  expect_dense("sum_squares", "x", x);
  const int64_t n = x.numel(), blocks = (n + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<size_t>(blocks));
  parallel(blocks, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      sums[static_cast<size_t>(i)] =
          kernels_.sum_squares(std::min(kBlock, n - i * kBlock), x.data<float>() + i * kBlock);
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

void CpuBackend::adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
                       const AdamW& o) {
  expect_dense("adamw", "parameter", parameter);
  for (const auto& [what, t] :
       {std::pair<const char*, const Tensor&>{"gradient", gradient}, {"m", m}, {"v", v}}) {
    expect("adamw", what, t, parameter.shape());
    expect_dense("adamw", what, t);
  }
  base::check_argument(o.step >= 1, "[adamw] expected step >= 1, got ", o.step);
  const double steps = static_cast<double>(o.step);
  const auto f = [](double x) { return static_cast<float>(x); };
  const AdamWStep step{f(o.learning_rate / (1 - std::pow(o.beta1, steps))),
                       f(o.beta1),
                       f(1 - o.beta1),
                       f(o.beta2),
                       f(1 - o.beta2),
                       f(o.epsilon),
                       f(1 - o.learning_rate * o.weight_decay),
                       f(std::sqrt(1 - std::pow(o.beta2, steps))),
                       f(o.gradient_scale)};
  const int64_t n = parameter.numel();
  parallel((n + kBlock - 1) / kBlock, 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kBlock, size = std::min(end * kBlock, n) - first;
    kernels_.adamw(size, parameter.data<float>() + first, gradient.data<float>() + first,
                   m.data<float>() + first, v.data<float>() + first, step);
  });
}

}  // namespace whorl::cpu
