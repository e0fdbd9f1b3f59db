// The loss with its gradients, and the optimizer.
#include "ops/harness.h"
#include "ops/reference/adamw.h"
#include "ops/reference/loss.h"

namespace whorl::ops {

namespace {
struct LossCase {
  int64_t n, c, v;
  int64_t every;  // one row in `every` is trained
};

void check_loss_gradients(const LossCase& c, const Matrix<double>& h, const Matrix<double>& head,
                          const std::vector<int32_t>& targets, const std::vector<float>& weights,
                          const Tensor& dh, const Tensor& dhead, double limit, Report& report) {
  Matrix<double> dy(1, c.n);
  for (int64_t i = 0; i < c.n; ++i) dy(0, i) = static_cast<double>(weights[static_cast<size_t>(i)]);
  const size_t samples = c.v > 500 ? 8 : 24;
  const Matrix<Complex> ch(h), chead(head);
  compare_gradient(
      report, "dh", dh,
      differentiate(
          h, [&](const Matrix<Complex>& at) { return dot(dy, reference::cross_entropy(at, chead, targets)); },
          samples),
      limit);
  compare_gradient(
      report, "dhead", dhead,
      differentiate(
          head, [&](const Matrix<Complex>& at) { return dot(dy, reference::cross_entropy(ch, at, targets)); },
          samples),
      limit, 0.5);
}
}  // namespace

void check_cross_entropy(Backend& backend, const Setting& setting, Report& report) {
  for (const LossCase& c : {LossCase{1, 1, 2, 1},
                            {5, 17, 33, 1},
                            {9, 16, 50, 2},
                            {400, 8, 19, 1},
                            {4, 20, 1500, 1},
                            {6, 8, 9, 99}}) {
    report.enter("cross_entropy " + to_string({c.n, c.c, c.v}) + " one row in " + std::to_string(c.every));
    Random random(static_cast<uint64_t>(c.v));
    const auto h = random.matrix(c.n, c.c, 2, setting.weights),
               head = random.matrix(c.v, c.c, 0.7, setting.weights);
    std::vector<int32_t> targets;
    std::vector<float> weights;
    for (int64_t i = 0; i < c.n; ++i) {
      targets.push_back(i % c.every == c.every - 1 ? static_cast<int32_t>(random.below(c.v)) : -100);
      weights.push_back(0.25f * static_cast<float>(1 + random.below(4)));
    }
    const Weight w = backend.pack(to_tensor(head, setting.weights), true);
    Guarded losses({c.n}), again({c.n}), dh({c.n, c.c}), dhead({c.v, c.c}, 0.5);
    backend.cross_entropy(to_slice(h), *w, targets, weights, losses.tensor(), dh.tensor(), dhead.tensor());
    backend.cross_entropy(to_slice(h), *w, targets, {}, again.tensor(), Tensor(), Tensor());
    report.compare("losses", losses.tensor(), reference::cross_entropy(h, head, targets),
                   setting.exact().forward);
    report.same_bits("losses with and without gradients", losses.tensor(), again.tensor());
    check_loss_gradients(c, h, head, targets, weights, dh.tensor(), dhead.tensor(), setting.limit().gradient,
                         report);
    losses.check(report, "losses"), dh.check(report, "dh"), dhead.check(report, "dhead"),
        again.check(report, "losses");
  }
}

// Logits that float32 holds and a loss that it does not: the row's gradient says so, its neighbours' do not.
void check_loss_not_finite(Backend& backend, const Setting& setting, Report& report) {
  report.enter("cross_entropy, a loss that is not finite");
  const std::vector<int32_t> targets = {0, 1, 0};
  const std::vector<float> weights = {0.5f, 0.5f, 0.5f};
  Matrix<double> h(3, 1), head(2, 1);
  const double huge = static_cast<double>(bf16_to_float(0x7f00));  // 2^127
  h.data = {0.25, 1, -0.25}, head.data = {huge, -huge};
  const Weight w = backend.pack(to_tensor(head, setting.weights), true);
  Guarded losses({3}), dh({3, 1});
  backend.cross_entropy(to_tensor(h), *w, targets, weights, losses.tensor(), dh.tensor(), Tensor());
  const auto loss = to_doubles(losses.tensor()), gradient = to_doubles(dh.tensor());
  report.expect(std::isfinite(loss[0]) && std::isinf(loss[1]) && std::isfinite(loss[2]), "losses");
  report.expect(std::isfinite(gradient[0]) && std::isnan(gradient[1]) && std::isfinite(gradient[2]), "dh");
}

void check_optimizer(Backend& backend, const Setting& setting, Report& report) {
  for (const int64_t n : {1, 17, 16384, 40001}) {
    report.enter("adamw " + to_string({n}));
    Random random(static_cast<uint64_t>(n));
    const auto p = random.matrix(1, n), g = random.matrix(1, n, 0.1);
    Guarded parameter({n}), m({n}, 0.0), v({n}, 0.0);
    backend.upload(to_tensor(p).reshape({n}), parameter.tensor());
    const Tensor gradient = to_tensor(g).reshape({n});
    std::vector<double> want = p.data, m1(static_cast<size_t>(n)), v1(static_cast<size_t>(n));
    double squares = 0;
    for (double x : g.data) squares += x * x;
    report.expect(std::abs(backend.sum_squares(gradient) / squares - 1) < 1e-6, "sum_squares");
    AdamW options{.learning_rate = 0.01, .weight_decay = 0.1, .gradient_scale = 0.5};
    for (options.step = 1; options.step <= 3; ++options.step) {
      backend.adamw(parameter.tensor(), gradient, m.tensor(), v.tensor(), options);
      for (size_t i = 0; i < want.size(); ++i)
        want[i] = reference::adamw(want[i], g.data[i], m1[i], v1[i], options);
    }
    report.compare("parameter", parameter.tensor(), want, setting.limit().forward);
    report.compare("m", m.tensor(), m1, setting.limit().forward);
    report.compare("v", v.tensor(), v1, setting.limit().forward);
    report.same_bits("gradient left as it was", gradient, to_tensor(g).reshape({n}));
    parameter.check(report, "parameter"), m.check(report, "m"), v.check(report, "v");
  }
}

}  // namespace whorl::ops
