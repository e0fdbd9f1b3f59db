// An optimizer step of several parameter sets, and what is packed of them again: the bits of the calls that
// do it one by one.
#include <bit>
#include <cmath>
#include <limits>
#include <memory>

#include "ops/harness.h"

namespace whorl::ops {

namespace {
struct SetCase {
  int64_t n, decayed;
  double max_grad_norm;
};

// One parameter set and its twin, which goes through sum_squares and adamw.
struct Set {
  ClippedUpdate update, twin;
  Tensor gradient_before;
  Guarded parameter, m, v, parameter1, m1, v1;

  Set(Backend& backend, const SetCase& c, uint64_t seed)
      : parameter({c.n}), m({c.n}, 0.0), v({c.n}, 0.0), parameter1({c.n}), m1({c.n}, 0.0), v1({c.n}, 0.0) {
    const auto numbers = [&](uint64_t which, double deviation) {
      return to_tensor(Random(10 * seed + which).matrix(1, c.n, deviation)).reshape({c.n});
    };
    backend.upload(numbers(1, 1), parameter.tensor()), backend.upload(numbers(1, 1), parameter1.tensor());
    const double deviation = 0.1 * static_cast<double>(seed);  // so that no norm is its neighbour's
    gradient_before = numbers(2, deviation);
    const AdamW options{.learning_rate = 0.01 * static_cast<double>(seed), .weight_decay = 0.1};
    update = {parameter.tensor(), numbers(2, deviation), m.tensor(), v.tensor(),
              c.decayed,          c.max_grad_norm,       options};
    twin = update;
    twin.parameter = parameter1.tensor(), twin.m = m1.tensor(), twin.v = v1.tensor();
  }

  void compare(Report& report, const std::string& name) const {
    report.same_bits(name + " parameter", parameter.tensor(), parameter1.tensor());
    report.same_bits(name + " m", m.tensor(), m1.tensor());
    report.same_bits(name + " v", v.tensor(), v1.tensor());
    parameter.check(report, name + " parameter"), m.check(report, name + " m"), v.check(report, name + " v");
  }
};
using Sets = std::vector<std::unique_ptr<Set>>;

Sets sets_of(Backend& backend, const std::vector<SetCase>& cases) {
  Sets out;
  for (const SetCase& c : cases) out.push_back(std::make_unique<Set>(backend, c, out.size() + 1));
  return out;
}

std::vector<ClippedUpdate> updates_of(const Sets& sets) {
  std::vector<ClippedUpdate> out;
  for (const auto& set : sets) out.push_back(set->update);
  return out;
}

// Runs the op; the norms it leaves, and whether it kept to their place.
std::vector<double> run(Backend& backend, const std::vector<ClippedUpdate>& updates, Report& report) {
  const auto count = static_cast<int64_t>(updates.size());
  const Tensor memory = Tensor::zeros(DType::int64, {count + 2});
  backend.clipped_adamw(updates, memory.rows(1, count + 1));
  const int64_t* bits = memory.data<int64_t>();
  report.expect(bits[0] == 0 && bits[count + 1] == 0, "numbers beside the norms were overwritten");
  std::vector<double> norms;
  for (int64_t i = 1; i <= count; ++i) norms.push_back(std::bit_cast<double>(bits[i]));
  return norms;
}

double norm_of(const Tensor& gradient) {
  double squares = 0;
  for (const double x : to_doubles(gradient)) squares += x * x;
  return std::sqrt(squares);
}

// torch's clip_grad_norm_ and AdamW, by the ops for one tensor.
void step_alone(Backend& backend, const ClippedUpdate& u, double norm) {
  AdamW options = u.options;
  if (u.max_grad_norm > 0) options.gradient_scale = std::min(1.0, u.max_grad_norm / (norm + 1e-6));
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, u.decayed}, {u.decayed, u.m.dim(0)}}) {
    if (begin == end) continue;
    backend.adamw(u.parameter.rows(begin, end), u.gradient.rows(begin, end), u.m.rows(begin, end),
                  u.v.rows(begin, end), options);
    options.weight_decay = 0;
  }
}

void check_steps(Backend& backend, const std::vector<SetCase>& cases, Report& report) {
  Sets sets = sets_of(backend, cases);
  for (int64_t step = 1; step <= 2; ++step) {
    for (auto& set : sets) set->update.options.step = set->twin.options.step = step;
    const std::vector<double> norms = run(backend, updates_of(sets), report);
    for (size_t i = 0; i < sets.size(); ++i) {
      const double norm = std::sqrt(backend.sum_squares(sets[i]->update.gradient));
      const std::string name = "set " + std::to_string(i);
      report.expect(norms[i] == norm, name + ": its norm is not the root of sum_squares");
      report.expect(std::abs(norms[i] / norm_of(sets[i]->update.gradient) - 1) < 1e-6, name + ": its norm");
      if (sets[i]->twin.decayed == 0) sets[i]->twin.options.weight_decay = 0;
      step_alone(backend, sets[i]->twin, norm);
      sets[i]->compare(report, name);
      report.same_bits(name + " gradient", sets[i]->update.gradient, sets[i]->gradient_before);
    }
  }
}

// One number that is not finite: no set changes, and the norms tell which it was.
void check_not_finite(Backend& backend, const std::vector<SetCase>& cases, Report& report) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (size_t which = 0; which < cases.size(); ++which) {
      const Sets sets = sets_of(backend, cases);  // equal to their twins, and so they stay
      Tensor& gradient = sets[which]->update.gradient;
      gradient.data<float>()[gradient.numel() - 1] = bad;
      const std::vector<double> norms = run(backend, updates_of(sets), report);
      for (size_t i = 0; i < sets.size(); ++i) {
        sets[i]->compare(report, "left alone, set " + std::to_string(i));
        report.expect(std::isfinite(norms[i]) == (i != which), "which norm is not finite");
      }
    }
}

void check_refusals(Backend& backend, Report& report) {
  const auto refuses = [&](const std::string& what, const std::function<void(ClippedUpdate&)>& spoil) {
    Set set(backend, {5, 5, 1}, 1);
    spoil(set.update);
    try {
      run(backend, {set.update}, report);
      report.expect(false, "accepts " + what);
    } catch (const std::invalid_argument& error) {
      const std::string text = error.what();
      report.expect(text.find("[clipped_adamw] expected") == 0 && text.find(what) != std::string::npos, text);
    }
  };
  refuses("decayed", [](ClippedUpdate& u) { u.decayed = 6; });
  refuses("gradient", [](ClippedUpdate& u) { u.gradient = Tensor::zeros(DType::float32, {4}); });
  refuses("step", [](ClippedUpdate& u) { u.options.step = 0; });
  refuses("gradient_scale", [](ClippedUpdate& u) { u.options.gradient_scale = 0.5; });
  refuses("max_grad_norm", [](ClippedUpdate& u) { u.max_grad_norm = -1; });
}
}  // namespace

void check_clipped_adamw(Backend& backend, const Setting&, Report& report) {
  // Sets of one block and of many, clipped or not (a norm below the limit, or none), decayed whole, in part
  // and not at all; the last one has more sums than a block of threads takes at once.
  const std::vector<std::vector<SetCase>> table = {
      {{1, 1, 0.01}},
      {{17, 5, 0.5}, {40001, 20000, 0.5}, {16384, 0, 1e9}, {4097, 4097, 0}},
      {{16384 * 257 + 3, 100, 1}, {3, 2, 0.1}}};
  for (const auto& cases : table) {
    report.enter("clipped_adamw of " + std::to_string(cases.size()) + " sets, first " +
                 std::to_string(cases[0].n));
    check_steps(backend, cases, report);
    if (cases[0].n < 1000) check_not_finite(backend, cases, report);
  }
  report.enter("clipped_adamw");
  check_refusals(backend, report);
}

namespace {
struct PairCase {
  int64_t outputs, inputs, rank;
};

// What a packed pair does to three rows, forward and backward.
struct Answers {
  Guarded y, dx, da, db;

  Answers(Backend& backend, const PairCase& c, const PackedLora& lora, const Setting& setting)
      : y({3, c.outputs}), dx({3, c.inputs}), da({c.rank, c.inputs}, 0.0), db({c.outputs, c.rank}, 0.0) {
    Random random(5);
    const Weight w = backend.pack(
        to_tensor(random.matrix(c.outputs, c.inputs, 0.3, setting.weights), setting.weights), true);
    const Tensor x = to_tensor(random.matrix(3, c.inputs)), dy = to_tensor(random.matrix(3, c.outputs)),
                 s = Tensor::zeros(DType::float32, {3, c.rank});
    const std::vector<LoraSegment> segments = {{.begin = 0, .end = 3, .lora = &lora}};
    const std::vector<LoraGradient> gradients = {{da.tensor(), db.tensor()}};
    backend.linear(x, *w, Tensor(), segments, s, y.tensor());
    backend.linear_backward(dy, x, *w, segments, s, gradients, dx.tensor(), false);
  }
  void compare(Report& report, const std::string& name, const Answers& other) const {
    report.same_bits(name + " y", y.tensor(), other.y.tensor());
    report.same_bits(name + " dx", dx.tensor(), other.dx.tensor());
    report.same_bits(name + " da", da.tensor(), other.da.tensor());
    report.same_bits(name + " db", db.tensor(), other.db.tensor());
  }
};
}  // namespace

void check_repack_loras(Backend& backend, const Setting& setting, Report& report) {
  report.enter("repack_loras");
  const std::vector<PairCase> cases = {{17, 33, 3}, {17, 33, 3}, {1, 1, 1}, {130, 61, 8}, {70, 601, 17}};
  std::vector<Lora> packed, wanted;
  std::vector<LoraValues> values;
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto& [o, k, r] = cases[i];
    Random random(i + 1);
    const auto a = [&, k = k, r = r] { return to_tensor(random.matrix(r, k, 0.3)); };
    const auto b = [&, o = o, r = r] { return to_tensor(random.matrix(o, r, 0.3)); };
    packed.push_back(backend.pack_lora(a(), b(), 0.5f, setting.weights));
    values.push_back({packed[i].get(), a(), b(), 0.25f + static_cast<float>(i)});
    wanted.push_back(backend.pack_lora(values[i].a, values[i].b, values[i].scale, setting.weights));
  }
  backend.repack_loras(values);
  for (size_t i = 0; i < cases.size(); ++i)
    Answers(backend, cases[i], *packed[i], setting)
        .compare(report, "pair " + std::to_string(i), Answers(backend, cases[i], *wanted[i], setting));
  try {
    std::swap(values[0].a, values[2].a);
    backend.repack_loras(values);
    report.expect(false, "takes values of another shape");
  } catch (const std::invalid_argument&) {
    report.expect(true, "");
  }
}

// More than a backend may do at once.
void check_repack_many(Backend& backend, const Setting& setting, Report& report) {
  report.enter("repack_loras of many");
  const PairCase one = {1, 1, 1};
  const Tensor old = to_tensor(Matrix<double>(1, 1)), a = to_tensor(Random(1).matrix(1, 1));
  std::vector<Lora> packed;
  std::vector<LoraValues> values;
  for (int i = 0; i < 4100; ++i) {
    packed.push_back(backend.pack_lora(old, old, 1, setting.weights));
    values.push_back({packed.back().get(), a, a, 2});
  }
  backend.repack_loras(values);
  const Answers wanted(backend, one, *backend.pack_lora(a, a, 2, setting.weights), setting);
  for (const size_t i : {size_t{0}, size_t{4095}, size_t{4096}, size_t{4099}})
    Answers(backend, one, *packed[i], setting).compare(report, "pair " + std::to_string(i), wanted);
}

}  // namespace whorl::ops
