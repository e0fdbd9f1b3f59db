// linear, its adapters and all their gradients, over odd shapes and segments.
#include "ops/harness.h"
#include "ops/reference/linear.h"

namespace whorl::ops {

namespace {
using reference::LoraPart;

struct LinearCase {
  int64_t n, k, o;
  bool bias;
  std::vector<LoraPart<double>> parts;  // a and b are made here; a.rows is the rank (0 = no adapter)
};

LoraPart<double> part(int64_t begin, int64_t end, int64_t rank, double scale = 0.5, float dropout = 0) {
  LoraPart<double> p;
  p.begin = begin, p.end = end, p.scale = scale, p.dropout = dropout,
  p.seed = 40 + static_cast<uint64_t>(rank);
  p.a.rows = rank;
  if (dropout > 0.4f) p.first_row = 13;  // a part of a longer segment
  return p;
}

std::vector<LinearCase> linear_cases() {
  return {{1, 1, 1, false, {}},
          {3, 65, 20, true, {}},
          {14, 601, 70, false, {}},
          {40, 1030, 33, true, {}},
          {1, 17, 33, true, {part(0, 1, 1)}},
          {2, 64, 16, false, {part(0, 1, 3), part(1, 2, 8, 2.0)}},
          {7, 31, 129, true, {part(0, 2, 4), part(2, 2, 5), part(2, 5, 0), part(5, 7, 17)}},
          {13, 67, 40, false, {part(3, 9, 33)}},
          {25, 130, 17, true, {part(0, 12, 16, 1.0, 0.3f), part(12, 25, 8, 1.0, 0.5f)}},
          {50, 601, 70, false, {part(0, 50, 8)}},
          {201, 33, 18, true, {part(0, 190, 2), part(190, 201, 6, 0.25, 0.1f)}}};
}

std::string describe(const LinearCase& c) {
  std::string text = "linear " + to_string({c.n, c.k, c.o}) + (c.bias ? " bias" : "");
  for (const auto& p : c.parts)
    text += " rows " + std::to_string(p.begin) + ".." + std::to_string(p.end) + " rank " +
            std::to_string(p.a.rows);
  return text;
}

// One case with its numbers, packed adapters and outputs.
struct LinearRun {
  LinearCase shape;
  Matrix<double> x, w, bias, dy;
  std::vector<Lora> loras;
  std::vector<LoraSegment> segments;
  int64_t rank = 0;

  LinearRun(Backend& backend, LinearCase c, DType dtype, uint64_t seed) : shape(std::move(c)) {
    Random random(seed);
    x = random.matrix(shape.n, shape.k, 1, dtype), w = random.matrix(shape.o, shape.k, 0.3, dtype);
    dy = random.matrix(shape.n, shape.o, 1, dtype);
    if (shape.bias) bias = random.matrix(1, shape.o);
    for (auto& p : shape.parts) {
      const int64_t r = p.a.rows;
      rank = std::max(rank, r);
      p.a = random.matrix(r, r ? shape.k : 0, 0.3), p.b = random.matrix(shape.o, r, 0.3);
      loras.push_back(
          r ? backend.pack_lora(to_tensor(p.a), to_tensor(p.b), static_cast<float>(p.scale), dtype)
            : nullptr);
      segments.push_back({p.begin, p.end, loras.back().get(), p.dropout, p.seed, p.first_row});
    }
  }

  template <class Change>
  Complex scalar(Change change) const {
    Matrix<Complex> cx(x), cw(w), cb(bias);
    std::vector<LoraPart<Complex>> parts;
    for (const auto& p : shape.parts)
      parts.push_back({p.begin, p.end, Matrix<Complex>(p.a), Matrix<Complex>(p.b), p.scale, p.dropout, p.seed,
                       p.first_row});
    change(cx, parts);
    return dot(dy, reference::linear(cx, cw, cb, parts).data);
  }
};

void check_backward(Backend& backend, const Setting& setting, const LinearRun& run, const PackedWeight& w,
                    const Tensor& s, Report& report) {
  const double limit = (run.shape.parts.empty() ? setting.exact() : setting.adapters()).gradient;
  const double before = 0.25;
  std::vector<Guarded> outputs;
  std::vector<LoraGradient> gradients;
  outputs.reserve(2 * run.segments.size());
  for (const auto& p : run.shape.parts) {
    if (p.a.rows == 0) {
      gradients.emplace_back();
      continue;
    }
    const Tensor da = outputs.emplace_back(Shape{p.a.rows, run.shape.k}, before).tensor();
    const Tensor db = outputs.emplace_back(Shape{run.shape.o, p.a.rows}, before).tensor();
    gradients.push_back({da, db});
  }
  const Tensor dy = to_slice(run.dy), x = to_slice(run.x);
  Guarded dx({run.shape.n, run.shape.k}), added({run.shape.n, run.shape.k}, 0.5);
  backend.linear_backward(dy, x, w, run.segments, s, gradients, dx.tensor(), false);
  backend.linear_backward(dy, x, w, run.segments, s, {}, added.tensor(), true);
  const auto want = differentiate(
      run.x, [&](const Matrix<Complex>& at) { return run.scalar([&](auto& cx, auto&) { cx = at; }); });
  compare_gradient(report, "dx", dx.tensor(), want, limit);
  compare_gradient(report, "dx accumulated", added.tensor(), want, limit, 0.5);
  dx.check(report, "dx"), added.check(report, "dx accumulated");
  for (const auto& output : outputs) output.check(report, "da, db");
  for (size_t i = 0; i < gradients.size(); ++i) {
    const auto& p = run.shape.parts[i];
    if (p.a.rows == 0) continue;
    const auto da = differentiate(p.a, [&](const Matrix<Complex>& at) {
      return run.scalar([&](auto&, auto& parts) { parts[i].a = at; });
    });
    const auto db = differentiate(p.b, [&](const Matrix<Complex>& at) {
      return run.scalar([&](auto&, auto& parts) { parts[i].b = at; });
    });
    compare_gradient(report, "da of segment " + std::to_string(i), gradients[i].da, da, limit, before);
    compare_gradient(report, "db of segment " + std::to_string(i), gradients[i].db, db, limit, before);
  }
}
}  // namespace

void check_linear(Backend& backend, const Setting& setting, Report& report) {
  uint64_t seed = 1;
  for (const auto& c : linear_cases()) {
    report.enter(describe(c));
    const LinearRun run(backend, c, setting.weights, seed++);
    const Weight w = backend.pack(to_tensor(run.w, setting.weights), true);
    const Tensor bias = c.bias ? to_tensor(run.bias).reshape({c.o}) : Tensor();
    Guarded y({c.n, c.o}), s({c.n, std::max<int64_t>(1, run.rank) + 2}), inference({c.n, c.o});
    backend.linear(to_slice(run.x), *w, bias, run.segments, s.tensor(), y.tensor());
    backend.linear(to_slice(run.x), *w, bias, run.segments, Tensor(), inference.tensor());
    const auto want = reference::linear(run.x, run.w, run.bias, run.shape.parts);
    const Tolerance limit = c.parts.empty() ? setting.exact() : setting.adapters();
    report.compare("y", y.tensor(), want.data, limit.forward);
    report.same_bits("y with and without s", y.tensor(), inference.tensor());
    y.check(report, "y"), s.check(report, "s"), inference.check(report, "y without s");
    check_backward(backend, setting, run, *w, s.tensor(), report);
    Guarded kept({c.n, c.k}), made({c.n, c.k});
    const Weight bare = backend.pack(to_tensor(run.w, setting.weights), false);
    backend.linear_backward(to_slice(run.dy), to_slice(run.x), *w, run.segments, s.tensor(), {},
                            kept.tensor(), false);
    backend.linear_backward(to_slice(run.dy), to_slice(run.x), *bare, run.segments, s.tensor(), {},
                            made.tensor(), false);
    report.same_bits("dx without a second layout", made.tensor(), kept.tensor());
    made.check(report, "dx without a second layout");
  }
}

void check_linear_weight_gradient(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& [n, o, k] :
       {std::array<int64_t, 3>{1, 1, 1}, {3, 17, 5}, {40, 31, 67}, {300, 20, 270}, {9, 130, 16}}) {
    report.enter("linear_backward_weight " + to_string({n, o, k}));
    Random random(static_cast<uint64_t>(n));
    const auto dy = random.matrix(n, o), x = random.matrix(n, k);
    Guarded dw({o, k}, 0.5), dbias({o}, 0.25);
    backend.linear_backward_weight(to_slice(dy), to_slice(x), dw.tensor(), dbias.tensor());
    Matrix<double> want(o, k), bias(1, o);
    for (double& value : want.data) value = 0.5;
    for (double& value : bias.data) value = 0.25;
    for (int64_t r = 0; r < n; ++r)
      for (int64_t i = 0; i < o; ++i) {
        bias(0, i) += dy(r, i);
        for (int64_t j = 0; j < k; ++j) want(i, j) += dy(r, i) * x(r, j);
      }
    report.compare("dw", dw.tensor(), want.data, setting.limit().gradient);
    report.compare("dbias", dbias.tensor(), bias.data, setting.limit().gradient);
    dw.check(report, "dw"), dbias.check(report, "dbias");
  }
}

}  // namespace whorl::ops
