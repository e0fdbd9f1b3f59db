#include "cuda/kernels/adamw.h"

#include <cmath>

#include "cuda/backend.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

using ops::expect_dense;

// Blocks of a fixed size, their sums added in order by the host, which waits for them.
double CudaBackend::sum_squares(const Tensor& x) {
  expect_dense("sum_squares", "x", x);
  const int64_t n = x.numel(), blocks = pieces(n, SumSquares::kBlock), bytes = blocks * 8;
  std::vector<double> sums(static_cast<size_t>(blocks));
  const Scratch partial(*runtime_, static_cast<size_t>(bytes));
  launch(*runtime_, {blocks, 1, SumSquares::kShared},
         SumSquares{Global<const float>(x.data<float>()), Global<double>(partial.get<double>()), n});
  runtime_->to_host(sums.data(), bytes, partial.get<double>(), {1, bytes, bytes});
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

void CudaBackend::adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
                        const AdamW& o) {
  expect_dense("adamw", "parameter", parameter);
  for (const auto& [what, t] :
       {std::pair<const char*, const Tensor&>{"gradient", gradient}, {"m", m}, {"v", v}}) {
    ops::expect("adamw", what, t, parameter.shape());
    expect_dense("adamw", what, t);
  }
  base::check_argument(o.step >= 1, "[adamw] expected step >= 1, got ", o.step);
  const double steps = static_cast<double>(o.step);
  const auto f = [](double x) { return static_cast<float>(x); };
  const auto at = [](const Tensor& t) { return Global<float>(t.data<float>()); };
  launch(*runtime_, {pieces(parameter.numel(), AdamWStep::kThreads), 1, 0},
         AdamWStep{at(parameter), at(m), at(v), at(gradient), parameter.numel(),
                   f(o.learning_rate / (1 - std::pow(o.beta1, steps))), f(o.beta1), f(1 - o.beta1),
                   f(o.beta2), f(1 - o.beta2), f(o.epsilon), f(1 - o.learning_rate * o.weight_decay),
                   f(std::sqrt(1 - std::pow(o.beta2, steps))), f(o.gradient_scale)});
}

}  // namespace whorl::cuda
