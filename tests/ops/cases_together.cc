// Products with what a backend may do in passing: a residual that is added, the norm or activation that makes
// their rows. Against the reference, and the bits of the separate calls.
#include <functional>

#include "ops/harness.h"
#include "ops/reference/linear.h"
#include "ops/reference/rows.h"

namespace whorl::ops {

namespace {
using Part = reference::LoraPart<double>;

// One of several products of the same rows; with a rank its adapters leave rows free and drop inputs.
struct Side {
  Matrix<double> weight, bias, residual;
  std::vector<Part> parts;
  Weight w;
  std::vector<Lora> loras;
  std::vector<LoraSegment> segments;
  Tensor its_bias, its_residual;
  int64_t rank = 0;

  Side(Backend& backend, DType dtype, Random& random, int64_t n, int64_t k, int64_t o, int64_t its_rank,
       bool residual_too)
      : weight(random.matrix(o, k, 0.3, dtype)), w(backend.pack(to_tensor(weight, dtype), false)) {
    if (o % 2) bias = random.matrix(1, o), its_bias = to_tensor(bias).reshape({o});
    if (residual_too) residual = random.matrix(n, o, 4), its_residual = to_slice(residual);
    if (its_rank == 0) return;
    for (const int64_t begin : {int64_t{0}, n / 2}) {
      Part p;
      p.begin = begin, p.end = begin == 0 ? (n + 2) / 3 : n, p.scale = 0.7, p.seed = 5;
      if (begin == 0) p.dropout = 0.3f, p.first_row = 4;
      if (p.begin >= p.end || (!parts.empty() && p.begin < parts.back().end)) continue;
      p.a = random.matrix(its_rank, k, 0.3), p.b = random.matrix(o, its_rank, 0.1);
      loras.push_back(backend.pack_lora(to_tensor(p.a), to_tensor(p.b), static_cast<float>(p.scale), dtype));
      segments.push_back({p.begin, p.end, loras.back().get(), p.dropout, p.seed, p.first_row});
      parts.push_back(std::move(p));
    }
    rank = its_rank;
  }
  Matrix<double> reference(const Matrix<double>& x) const {
    Matrix<double> y = reference::linear(x, weight, bias, parts);
    for (size_t i = 0; i < residual.data.size(); ++i) y.data[i] += residual.data[i];
    return y;
  }
};

// What one call for all sides writes.
struct Results {
  std::vector<Guarded> y, s;
  std::vector<Tensor> tensors;  // of each: y, and s or none
  std::vector<LinearJob> jobs;

  Results(const std::vector<Side>& sides, int64_t n, bool keeps_low) {
    for (const Side& side : sides) {
      y.emplace_back(Shape{n, side.w->outputs()});
      s.emplace_back(Shape{n, side.rank + 1}, 0.0);  // what is past a segment's rank is nobody's
    }
    for (size_t i = 0; i < sides.size(); ++i)
      tensors.push_back(y[i].tensor()), tensors.push_back(keeps_low ? s[i].tensor() : Tensor());
    for (size_t i = 0; i < sides.size(); ++i)
      jobs.push_back({*sides[i].w, sides[i].its_bias, sides[i].segments, tensors[2 * i + 1], tensors[2 * i],
                      sides[i].residual.empty() ? nullptr : &sides[i].its_residual});
  }
  void same_bits(const Results& other, Report& report) const {
    for (size_t i = 0; i < y.size(); ++i) {
      const std::string of = " of product " + std::to_string(i);
      report.same_bits("y" + of, y[i].tensor(), other.y[i].tensor());
      report.same_bits("s" + of, s[i].tensor(), other.s[i].tensor());
      y[i].check(report, "y" + of), s[i].check(report, "s" + of);
    }
  }
};

struct Case {
  int64_t n, k;
  std::vector<std::array<int64_t, 2>> sides;  // outputs and rank
};
// Neighbours of one shape, and rows so many that a GPU makes them before it reads them.
std::vector<Case> cases() {
  return {{1, 96, {{33, 4}, {33, 0}, {6, 3}}},
          {5, 70, {{9, 0}, {9, 0}, {8, 0}, {8, 0}}},
          {7, 600, {{40, 16}}},
          {64, 36, {{5, 8}, {7, 2}, {7, 0}}},
          {65, 64, {{12, 0}, {12, 3}}},
          {150, 40, {{12, 3}}},
          {0, 32, {{4, 2}}}};
}

std::vector<Side> sides_of(Backend& backend, const Setting& setting, const Case& c, bool residuals) {
  Random random(static_cast<uint64_t>(c.k + c.n));
  std::vector<Side> out;
  for (const auto& [o, rank] : c.sides)
    out.emplace_back(backend, setting.weights, random, c.n, c.k, o, rank, residuals && out.size() != 1);
  return out;
}

// Rows that were made, as a backend takes them that rounds them once beside such weights.
Matrix<double> made(Matrix<double> x, const Setting& setting) {
  if (setting.rounds && setting.weights == DType::bfloat16)
    for (double& value : x.data)
      value = static_cast<double>(bf16_to_float(float_to_bf16(static_cast<float>(value))));
  return x;
}

void compare(const std::vector<Side>& sides, const Results& got, const Matrix<double>& x, double limit,
             Report& report) {
  for (size_t i = 0; i < sides.size(); ++i)
    report.compare("y of product " + std::to_string(i), got.y[i].tensor(), sides[i].reference(x).data, limit);
}

std::string describe(const char* what, const Case& c) {
  std::string text = what;
  return text.append(" ")
      .append(to_string({c.n, c.k}))
      .append(", ")
      .append(std::to_string(c.sides.size()))
      .append(" products");
}

// Weights of whole numbers and others over rows that are made: `call` makes them and multiplies, `rows`
// alone.
void check_kinds(Backend& backend, int64_t k, const std::function<void(std::span<const LinearJob>)>& call,
                 const Tensor& rows, Report& report) {
  Random random(14);
  const int64_t n = rows.dim(0), o = 37;
  const Tensor none;
  std::vector<Weight> weights;
  for (const Quantize quantize : {Quantize::int8, Quantize::int8, Quantize::int4})
    weights.push_back(backend.pack_quantized(to_tensor(random.matrix(o, k, 0.3)), quantize));
  weights.push_back(
      backend.pack(to_tensor(random.matrix(o, k, 0.3, DType::bfloat16), DType::bfloat16), false));
  const Lora lora = backend.pack_lora(to_tensor(random.matrix(3, k)), to_tensor(random.matrix(o, 3)), 0.5f,
                                      DType::bfloat16);
  const LoraSegment segment{0, (n + 1) / 2, lora.get()};
  for (const size_t adapters : {0, 1}) {
    std::vector<Guarded> together, apart;
    for (size_t i = 0; i < 2 * weights.size(); ++i) (i % 2 ? together : apart).emplace_back(Shape{n, o});
    std::vector<Tensor> results;
    for (const std::vector<Guarded>* side : {&together, &apart})
      for (const Guarded& y : *side) results.push_back(y.tensor());
    std::vector<LinearJob> jobs;
    for (size_t i = 0; i < results.size(); ++i)
      jobs.push_back(
          {*weights[i % weights.size()], none, {&segment, i % 2 ? adapters : 0}, none, results[i]});
    call(std::span(jobs).first(weights.size()));
    backend.linears(rows, std::span(jobs).subspan(weights.size()));
    for (size_t i = 0; i < weights.size(); ++i) {
      report.same_bits("y of weight " + std::to_string(i), results[i], results[i + weights.size()]);
      together[i].check(report, "y of weight " + std::to_string(i));
    }
  }
}

// Whole numbers as weights: the residual on top of what they give without it.
void check_quantised_residual(Backend& backend, const Setting& setting, Report& report) {
  Random random(12);
  const int64_t n = 11, k = 70, o = 37;
  const Tensor x = to_tensor(random.matrix(n, k)), none;
  const auto residual = random.matrix(n, o, 4);
  const Tensor its = to_slice(residual);
  for (const Quantize quantize : {Quantize::int8, Quantize::int4}) {
    report.enter("residual beside weights of whole numbers");
    const Weight w = backend.pack_quantized(to_tensor(random.matrix(o, k, 0.3)), quantize);
    Guarded y({n, o}), plain({n, o}), other({n, o});
    const Tensor to = y.tensor(), aside = other.tensor();
    const std::vector<LinearJob> jobs = {{*w, none, {}, none, aside}, {*w, none, {}, none, to, &its}};
    backend.linear(x, *w, none, {}, none, plain.tensor());
    backend.linears(x, jobs);
    std::vector<double> want = to_doubles(plain.tensor());
    for (size_t i = 0; i < want.size(); ++i) want[i] += residual.data[i];
    report.compare("y", to, want, setting.exact().forward);
    report.same_bits("its neighbour", aside, plain.tensor());
    y.check(report, "y"), other.check(report, "its neighbour");
  }
}
}  // namespace

void check_residual(Backend& backend, const Setting& setting, Report& report) {
  for (const Case& c : cases()) {
    report.enter(describe("residual", c));
    const auto x = Random(3).matrix(c.n, c.k, 1, setting.weights);
    const std::vector<Side> sides = sides_of(backend, setting, c, true);
    Results together(sides, c.n, true), apart(sides, c.n, true);
    backend.linears(to_slice(x), together.jobs);
    for (const LinearJob& job : apart.jobs) {
      backend.linear(to_slice(x), job.w, job.bias, job.segments, job.s, job.y);
      if (job.residual) backend.add(*job.residual, job.y);
    }
    compare(sides, together, x, setting.adapters().forward, report);
    // Elsewhere it may come before the adapters' part.
    if (backend.on_host()) together.same_bits(apart, report);
    for (const Side& side : sides)
      if (!side.residual.empty())
        report.same_bits("the residual itself", side.its_residual, to_tensor(side.residual));
  }
  check_quantised_residual(backend, setting, report);
}

void check_norm_linears(Backend& backend, const Setting& setting, Report& report) {
  for (const Case& c : cases()) {
    report.enter(describe("norm_linears", c));
    Random random(4);
    const auto x = random.matrix(c.n, c.k, 2), gain = random.matrix(1, c.k);
    const Tensor g = to_tensor(gain).reshape({c.k});
    const std::vector<Side> sides = sides_of(backend, setting, c, c.n % 2 == 0);
    for (const bool kept : {true, false}) {
      const Results together(sides, c.n, kept), apart(sides, c.n, kept);
      Guarded normed({c.n, c.k}), rstd({c.n, 1}), its({c.n, c.k}), its_rstd({c.n, 1});
      backend.norm_linears(to_slice(x), g, 1e-5f, normed.tensor(), kept ? rstd.tensor() : Tensor(),
                           together.jobs);
      backend.rms_norm(to_slice(x), g, 1e-5f, 1, its.tensor(), kept ? its_rstd.tensor() : Tensor());
      backend.linears(its.tensor(), apart.jobs);
      report.same_bits("normed", normed.tensor(), its.tensor());
      if (kept) report.same_bits("rstd", rstd.tensor(), its_rstd.tensor());
      together.same_bits(apart, report);
      compare(sides, together, made(reference::rms_norm(x, gain, 1e-5, 1), setting),
              std::max(setting.limit().forward, setting.adapters().forward), report);
      normed.check(report, "normed"), rstd.check(report, "rstd");
    }
  }
  for (const auto& [n, k] : {std::pair<int64_t, int64_t>{5, 70}, {1, 300}, {66, 33}}) {
    report.enter("norm_linears of several kinds of weights, " + to_string({n, k}));
    Random random(4);
    const Tensor x = to_tensor(random.matrix(n, k, 2)), g = to_tensor(random.matrix(1, k)).reshape({k});
    const Guarded normed({n, k}), its({n, k});
    backend.rms_norm(x, g, 1e-5f, 1, its.tensor(), Tensor());
    const Tensor to = normed.tensor();
    check_kinds(
        backend, k,
        [&](std::span<const LinearJob> jobs) { backend.norm_linears(x, g, 1e-5f, to, Tensor(), jobs); },
        its.tensor(), report);
    report.same_bits("normed", to, its.tensor());
  }
}

void check_swiglu_linears(Backend& backend, const Setting& setting, Report& report) {
  for (const Case& c : cases()) {
    report.enter(describe("swiglu_linears", c));
    Random random(6);
    const auto gate = random.matrix(c.n, c.k, 2), up = random.matrix(c.n, c.k);
    const std::vector<Side> sides = sides_of(backend, setting, c, c.n % 2 == 0);
    for (const bool slices : {true, false}) {
      const auto in = [&](const Matrix<double>& m) { return slices ? to_slice(m) : to_tensor(m); };
      const Results together(sides, c.n, slices), apart(sides, c.n, slices);
      Guarded h({c.n, c.k}), its({c.n, c.k});
      backend.swiglu_linears(in(gate), in(up), h.tensor(), together.jobs);
      backend.swiglu(in(gate), in(up), its.tensor());
      backend.linears(its.tensor(), apart.jobs);
      report.same_bits("h", h.tensor(), its.tensor());
      together.same_bits(apart, report);
      compare(sides, together, made(reference::swiglu(gate, up), setting),
              std::max(setting.limit().forward, setting.adapters().forward), report);
      h.check(report, "h");
    }
  }
  for (const auto& [n, k] : {std::pair<int64_t, int64_t>{5, 70}, {1, 300}}) {
    report.enter("swiglu_linears of several kinds of weights, " + to_string({n, k}));
    Random random(6);
    const Tensor gate = to_tensor(random.matrix(n, k, 2)), up = to_tensor(random.matrix(n, k));
    const Guarded h({n, k}), its({n, k});
    backend.swiglu(gate, up, its.tensor());
    const Tensor to = h.tensor();
    check_kinds(
        backend, k, [&](std::span<const LinearJob> jobs) { backend.swiglu_linears(gate, up, to, jobs); },
        its.tensor(), report);
    report.same_bits("h", to, its.tensor());
  }
}

}  // namespace whorl::ops
