#include <algorithm>
#include <cmath>

#include "cuda/backend.h"
#include "cuda/kernels/clipped_adamw.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

using ops::expect_dense;

namespace {
AdamWNumbers numbers_of(const AdamW& o) {
  const double steps = static_cast<double>(o.step);
  const auto f = [](double x) { return static_cast<float>(x); };
  return {f(o.learning_rate / (1 - std::pow(o.beta1, steps))),
          f(o.beta1),
          f(1 - o.beta1),
          f(o.beta2),
          f(1 - o.beta2),
          f(o.epsilon),
          f(std::sqrt(1 - std::pow(o.beta2, steps)))};
}
float decay_of(const AdamW& o) { return static_cast<float>(1 - o.learning_rate * o.weight_decay); }
}  // namespace

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
  const auto at = [](const Tensor& t) { return Global<float>(t.data<float>()); };
  launch(*runtime_, {pieces(parameter.numel(), AdamWStep::kThreads), 1, 0},
         AdamWStep{at(parameter), at(m), at(v), at(gradient), parameter.numel(), numbers_of(o), decay_of(o),
                   static_cast<float>(o.gradient_scale)});
}

void CudaBackend::clipped_adamw(std::span<const ops::ClippedUpdate> updates, const Tensor& norms) {
  ops::expect_updates("clipped_adamw", updates, norms);
  std::vector<StepPart> parts;
  int64_t sums = 0, longest = 0;
  for (const ops::ClippedUpdate& u : updates) {
    const int64_t n = u.parameter.numel();
    parts.push_back({u.parameter.data<float>(), u.m.data<float>(), u.v.data<float>(),
                     u.gradient.data<float>(), n, u.decayed, sums, u.max_grad_norm, numbers_of(u.options),
                     decay_of(u.options)});
    sums += pieces(n, SumSquares::kBlock), longest = std::max(longest, n);
  }
  const Uploaded<StepPart> list(*runtime_, parts);
  const Scratch partial(*runtime_, static_cast<size_t>(sums) * 8);
  const Global<const StepPart> on_device(list.get());
  const Global<double> squares(partial.get<double>()), roots(static_cast<double*>(norms.raw()));
  const auto count = static_cast<int64_t>(parts.size());
  launch(*runtime_, {pieces(longest, SumSquares::kBlock), count, PartSquares::kShared},
         PartSquares{on_device, squares});
  launch(*runtime_, {count, 1, PartNorms::kShared}, PartNorms{on_device, squares, roots});
  launch(*runtime_, {pieces(longest, ClippedAdamW::kBlock), count, 0}, ClippedAdamW{on_device, roots, count});
}

}  // namespace whorl::cuda
