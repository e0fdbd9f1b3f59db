// Weights that a backend may lay out later: whatever comes first, and second, has the bits of a weight that
// was laid out at once; the memory they came of is left alone when it was said to be.
#include "ops/late_rows.h"

namespace whorl::ops {

namespace {
// Products of a few kinds over the same rows: plain with a bias, with a residual, and with adapters that have
// all rows, or some of them with dropout.
struct Products {
  Tensor x, bias, residual;
  std::vector<Lora> loras;
  std::vector<std::vector<LoraSegment>> segments;
  static constexpr int64_t kRank = 5;

  Products(Backend& backend, const PackedWeight& w, int64_t n) {
    const int64_t k = w.inputs(), o = w.outputs();
    Random random(static_cast<uint64_t>(n + 9));
    x = to_slice(random.matrix(n, k)), bias = to_tensor(random.matrix(1, o)).reshape({o});
    residual = to_tensor(random.matrix(n, o));
    for (int i = 0; i < 2; ++i)
      loras.push_back(backend.pack_lora(to_tensor(random.matrix(kRank, k, 0.3)),
                                        to_tensor(random.matrix(o, kRank, 0.1)), 0.5f, w.dtype()));
    segments = {
        {}, {{0, n, loras[0].get()}}, {{0, n / 2, loras[0].get(), 0.25f, 3}, {n / 2, n, loras[1].get()}}};
  }
  static constexpr int kKinds = 4;

  Tensor run(Backend& backend, const PackedWeight& w, int kind) const {
    const Tensor y = Tensor::zeros(DType::float32, {x.dim(0), w.outputs()}), none;
    const Tensor s = Tensor::zeros(DType::float32, {x.dim(0), kRank});
    const auto& adapters = segments[static_cast<size_t>(kind == 3 ? 0 : kind)];
    const LinearJob job{w, kind == 1 ? none : bias,        adapters, kind == 2 ? s : none,
                        y, kind == 3 ? &residual : nullptr};
    backend.linears(x, {&job, 1});
    return y;
  }
};

void check_products(Backend& backend, LateSource& source, int64_t n, Report& report) {
  const Weight at_once = source.at_once(backend);
  const Products products(backend, *at_once, n);
  for (int kind = 0; kind < Products::kKinds; ++kind) {
    const Tensor want = products.run(backend, *at_once, kind);
    const int before = source.laid_out();
    Weight late = source.later(backend);
    report.expect(late->nbytes() == at_once->nbytes() && late->outputs() == at_once->outputs() &&
                      late->inputs() == at_once->inputs() && late->dtype() == at_once->dtype() &&
                      late->quantize() == at_once->quantize(),
                  "says something else of itself");
    for (const char* time : {"first", "second", "third"})
      report.same_bits(std::string(time) + " product of kind " + std::to_string(kind),
                       products.run(backend, *late, kind), want);
    report.expect(source.laid_out() == before + 1, "not laid out once after two products");
    late = nullptr;
    report.expect(source.laid_out() == before + 1, "laid out again as it goes");
  }
}

using Result = std::vector<Tensor>;
struct Use {
  const char* name;
  std::function<Result(Backend&, const Weight&)> run;
};

Tensor float_rows(int64_t n, int64_t columns, uint64_t seed) {
  Random random(seed);
  return to_tensor(random.matrix(n, columns));
}
Tensor zeros(int64_t n, int64_t columns) { return Tensor::zeros(DType::float32, {n, columns}); }

Result look_up(Backend& backend, const Weight& w) {
  const std::vector<int32_t> ids = {static_cast<int32_t>(w->outputs() - 1), 0, 3, 3};
  const Tensor y = zeros(4, w->inputs());
  backend.embedding(ids, *w, y);
  return {y};
}
Result multiply(Backend& backend, const Weight& w) {
  const Tensor y = zeros(3, w->outputs());
  backend.linear(float_rows(3, w->inputs(), 4), *w, {}, {}, {}, y);
  return {y};
}
Result back(Backend& backend, const Weight& w) {
  const Tensor dx = zeros(3, w->inputs());
  backend.linear_backward(float_rows(3, w->outputs(), 5), Tensor(), *w, {}, Tensor(), {}, dx, false);
  return {dx};
}
Result lose(Backend& backend, const Weight& w) {
  const Tensor losses = Tensor::zeros(DType::float32, {3}), dh = zeros(3, w->inputs());
  const std::vector<int32_t> targets = {1, -1, 0};
  const std::vector<float> weights = {1, 1, 1};
  backend.cross_entropy(float_rows(3, w->inputs(), 6), *w, targets, weights, losses, dh, Tensor());
  return {losses, dh};
}
// As float32, so that bits can be compared.
Tensor widened(const Tensor& x) {
  const Tensor wide = zeros(x.dim(0), x.dim(1));
  for (int64_t i = 0; i < x.numel(); ++i)
    wide.data<float>()[i] =
        x.dtype() == DType::float32 ? x.data<float>()[i] : bf16_to_float(x.data<uint16_t>()[i]);
  return wide;
}
Result numbers(Backend& backend, const Weight& w) { return {widened(backend.unpack(*w))}; }
Result some_numbers(Backend& backend, const Weight& w) {
  const Tensor some =
      Tensor::zeros(w->quantize() == Quantize::none ? w->dtype() : DType::float32, {2, w->inputs()});
  backend.unpack_rows(*w, 1, some);
  return {widened(some)};
}
Result from_its_parts(Backend& backend, const Weight& w) {
  if (backend.weight_layout().empty()) return {};
  return multiply(backend, backend.from_parts(backend.parts(*w)));
}
Result prepared(Backend& backend, const Weight& w) {
  backend.prepare_backward(*w);
  return back(backend, w);
}
Result repacked(Backend& backend, const Weight& w) {
  if (w->quantize() != Quantize::none) return {};
  Tensor other = Tensor::zeros(w->dtype(), {w->outputs(), w->inputs()});
  if (w->dtype() == DType::float32) other.data<float>()[1] = 2;
  backend.repack(*w, other);
  return multiply(backend, w);
}

// Every use first, and then every other one.
void check_uses(Backend& backend, LateSource& source, Report& report) {
  const std::vector<Use> uses = {
      {"embedding", look_up},         {"product", multiply},     {"unpack", numbers},
      {"unpack_rows", some_numbers},  {"parts", from_its_parts}, {"linear_backward", back},
      {"prepare_backward", prepared}, {"cross_entropy", lose}};
  std::vector<Result> want;
  for (const Use& use : uses) want.push_back(use.run(backend, source.at_once(backend)));
  for (size_t first = 0; first < uses.size(); ++first)
    for (size_t second = 0; second < uses.size(); ++second) {
      const Weight late = source.later(backend);
      for (const size_t use : {first, second}) {
        const Result got = uses[use].run(backend, late);
        for (size_t i = 0; i < got.size(); ++i)
          report.same_bits(std::string(uses[use].name) + " in " + uses[first].name + ", " + uses[second].name,
                           got[i], want[use][i]);
      }
    }
  const Weight at_once = source.at_once(backend), late = source.later(backend);
  const Result expected = repacked(backend, at_once), got = repacked(backend, late);
  for (size_t i = 0; i < got.size(); ++i) report.same_bits("repack", got[i], expected[i]);
}
}  // namespace

void check_late(Backend& backend, const Setting& setting, Report& report) {
  for (const LateKind& kind : kLateKinds) {
    // The long one is read a few panels at a time, also by each of a few threads.
    for (const auto& [o, k, rows] :
         {std::tuple<int64_t, int64_t, std::vector<int64_t>>{17, 33, {1, 2, 16, 48, 49, 65, 200}},
          {300, 1501, {1, 16}}}) {
      LateSource source(kind, setting.weights, o, k);
      for (const int64_t n : rows) {
        report.enter(std::string("late, ") + kind.name + " " + to_string({n, k, o}));
        check_products(backend, source, n, report);
      }
    }
    report.enter(std::string("late, used in every order, ") + kind.name);
    LateSource source(kind, setting.weights, 37, 45);
    check_uses(backend, source, report);
    report.enter(std::string("late, never used, ") + kind.name);
    const int before = source.laid_out();
    source.later(backend) = nullptr;
    report.expect(source.laid_out() == before + 1, "not laid out, nor let go");
  }
}

}  // namespace whorl::ops
