// Adapters and their gradients over whole numbers so small that bfloat16 holds every operand, s and ds among
// them: whoever rounds and in whatever order it adds, each result is exact. And a segment's gradients alone
// and in a batch, bit for bit.
#include <algorithm>

#include "ops/checks.h"
#include "ops/harness.h"
#include "ops/reference/linear.h"

namespace whorl::ops {

namespace {
constexpr double kBefore = 0.25;  // what gradients are added to

struct Segment {
  int64_t begin, end, rank;     // 0: no adapter
  float dropout = 0;            // a half, so that what is kept is doubled
  bool down = true, up = true;  // which gradients are asked for
};
struct Case {
  int64_t n, k, o;
  std::vector<Segment> segments;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {0, 40, 6, {{0, 0, 4}}},
      {1, 33, 130, {{0, 1, 1}}},
      {1, 300, 5, {{0, 1, 17, 0.5f}}},
      {7, 128, 64, {{0, 7, 3, 0.5f}}},
      {16, 129, 20, {{0, 16, 16}}},
      {17, 31, 257, {{0, 17, 8, 0.5f}}},
      {40, 70, 45, {{0, 3, 1}, {5, 5, 9}, {9, 26, 64, 0.5f}, {26, 30, 0}, {31, 40, 8}}},
      {61,
       50,
       65,
       {{0, 20, 5, 0.5f, true, false}, {20, 41, 6, 0, false, true}, {41, 60, 7, 0, false, false}}},
      {130, 600, 33, {{0, 130, 17, 0.5f}}},
      {300, 140, 50, {{0, 300, 200, 0.5f}}},
      {700, 20, 9, {{0, 600, 3, 0.5f}, {600, 700, 5}}},
      {2300, 5, 3, {{0, 2200, 2}, {2200, 2300, 1, 0.5f}}}};
  return all;
}

Matrix<double> whole_numbers(Random& random, int64_t rows, int64_t columns, int64_t most) {
  Matrix<double> m(rows, columns);
  for (double& x : m.data) x = static_cast<double>(random.below(2 * most + 1) - most);
  return m;
}

// What the contract says of one segment.
struct Wanted {
  Matrix<double> s, da, db;
  Wanted(const reference::LoraPart<double>& p, const Matrix<double>& x, const Matrix<double>& dy)
      : s(p.end - p.begin, p.a.rows), da(p.a.rows, x.columns), db(dy.columns, p.a.rows) {
    for (double& value : da.data) value = kBefore;
    for (double& value : db.data) value = kBefore;
    for (int64_t n = 0; n < s.rows; ++n) {
      const DropoutRow mask(p.seed, p.first_row + n, p.dropout);
      std::vector<double> dropped(static_cast<size_t>(x.columns));
      for (int64_t k = 0; k < x.columns; ++k)
        dropped[static_cast<size_t>(k)] = p.dropout == 0  ? x(p.begin + n, k)
                                          : mask.keeps(k) ? 2 * x(p.begin + n, k)
                                                          : 0.0;
      for (int64_t r = 0; r < s.columns; ++r) {
        double ds = 0;
        for (int64_t k = 0; k < x.columns; ++k) s(n, r) += dropped[static_cast<size_t>(k)] * p.a(r, k);
        for (int64_t o = 0; o < dy.columns; ++o) {
          ds += p.scale * dy(p.begin + n, o) * p.b(o, r);
          db(o, r) += p.scale * dy(p.begin + n, o) * s(n, r);
        }
        for (int64_t k = 0; k < x.columns; ++k) da(r, k) += ds * dropped[static_cast<size_t>(k)];
      }
    }
  }
};

struct Run {
  Matrix<double> x, w, dy;
  std::vector<reference::LoraPart<double>> parts;  // of those with an adapter, as `loras`
  std::vector<Lora> loras;
  std::vector<LoraSegment> segments;

  Run(Backend& backend, const Case& c, DType dtype) {
    Random random(static_cast<uint64_t>(c.n * c.k + c.o));
    x = whole_numbers(random, c.n, c.k, 2), w = whole_numbers(random, c.o, c.k, 2);
    dy = whole_numbers(random, c.n, c.o, 2);
    for (const Segment& s : c.segments) {
      reference::LoraPart<double> p;
      p.begin = s.begin, p.end = s.end, p.a = whole_numbers(random, s.rank, c.k, 1);
      p.b = whole_numbers(random, c.o, s.rank, 1), p.scale = 0.5, p.dropout = s.dropout, p.seed = 3;
      if (s.dropout > 0) p.first_row = 5;
      loras.push_back(s.rank ? backend.pack_lora(to_tensor(p.a), to_tensor(p.b), 0.5f, dtype) : nullptr);
      segments.push_back({p.begin, p.end, loras.back().get(), p.dropout, p.seed, p.first_row});
      parts.push_back(std::move(p));
    }
  }
  // dx = dy w + D(scale dy b a).
  Matrix<double> input_gradient() const {
    Matrix<double> out(x.rows, x.columns);
    for (int64_t n = 0; n < out.rows; ++n)
      for (int64_t k = 0; k < out.columns; ++k)
        for (int64_t o = 0; o < w.rows; ++o) out(n, k) += dy(n, o) * w(o, k);
    for (const auto& p : parts)
      for (int64_t n = p.begin; n < p.end; ++n)
        for (int64_t r = 0; r < p.a.rows; ++r) {
          const DropoutRow mask(p.seed, p.first_row + n - p.begin, p.dropout);
          double ds = 0;
          for (int64_t o = 0; o < w.rows; ++o) ds += p.scale * dy(n, o) * p.b(o, r);
          for (int64_t k = 0; k < out.columns; ++k)
            out(n, k) += p.dropout == 0 ? ds * p.a(r, k) : mask.keeps(k) ? 2 * ds * p.a(r, k) : 0.0;
        }
    return out;
  }
};

void check_case(Backend& backend, const Setting& setting, const Case& c, Report& report) {
  const Run run(backend, c, setting.weights);
  const Weight w = backend.pack(to_tensor(run.w, setting.weights), true);
  const int64_t rank = largest_rank(run.segments);
  Guarded y({c.n, c.o}), s({c.n, rank + 2}), dx({c.n, c.k});
  const Tensor x = to_slice(run.x), dy = to_slice(run.dy);
  backend.linear(x, *w, Tensor(), run.segments, s.tensor(), y.tensor());
  std::vector<Guarded> outputs;
  outputs.reserve(2 * c.segments.size());
  std::vector<LoraGradient> gradients;
  for (const Segment& one : c.segments) {
    const int64_t its = std::max<int64_t>(1, one.rank);
    const Tensor da = outputs.emplace_back(Shape{its, c.k}, kBefore).tensor(),
                 db = outputs.emplace_back(Shape{c.o, its}, kBefore).tensor();
    gradients.push_back({one.down && one.rank ? da : Tensor(), one.up && one.rank ? db : Tensor()});
  }
  backend.linear_backward(dy, x, *w, run.segments, s.tensor(), gradients, dx.tensor(), false);
  const double limit = setting.activations_round ? kNarrow.forward : 0;  // sums past 256 are rounded there
  report.compare("y", y.tensor(), reference::linear(run.x, run.w, {}, run.parts).data, limit);
  report.compare("dx", dx.tensor(), run.input_gradient().data, limit);
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (c.segments[i].rank == 0) continue;
    const Wanted want(run.parts[i], run.x, run.dy);
    const std::string of = " of segment " + std::to_string(i);
    const auto& p = run.parts[i];
    if (p.begin < p.end)
      report.compare("s" + of, s.tensor().rows(p.begin, p.end).columns(0, p.a.rows), want.s.data, 0);
    if (!gradients[i].da.empty()) report.compare("da" + of, gradients[i].da, want.da.data, 0);
    if (!gradients[i].db.empty()) report.compare("db" + of, gradients[i].db, want.db.data, 0);
  }
  for (const Guarded& one : outputs) one.check(report, "da, db");
  y.check(report, "y"), s.check(report, "s"), dx.check(report, "dx");
}

// Two segments of one adapter: both add to the same gradients.
void check_shared(Backend& backend, const Setting& setting, Report& report) {
  report.enter("two segments of one adapter");
  const Run run(backend, {40, 30, 12, {{0, 19, 6, 0.5f}, {23, 40, 6}}}, setting.weights);
  const Weight w = backend.pack(to_tensor(run.w, setting.weights), true);
  const Tensor x = to_tensor(run.x), dy = to_tensor(run.dy), s = Tensor::zeros(DType::float32, {40, 6});
  backend.linear(x, *w, Tensor(), run.segments, s, Tensor::zeros(DType::float32, {40, 12}));
  Guarded da({6, 30}, kBefore), db({12, 6}, kBefore);
  const std::vector<LoraGradient> both(2, {da.tensor(), db.tensor()});
  backend.linear_backward(dy, x, *w, run.segments, s, both, Tensor(), false);
  Wanted want(run.parts[0], run.x, run.dy);
  const Wanted second(run.parts[1], run.x, run.dy);
  for (size_t i = 0; i < want.da.data.size(); ++i) want.da.data[i] += second.da.data[i] - kBefore;
  for (size_t i = 0; i < want.db.data.size(); ++i) want.db.data[i] += second.db.data[i] - kBefore;
  report.compare("da", da.tensor(), want.da.data, 0);
  report.compare("db", db.tensor(), want.db.data, 0);
  da.check(report, "da"), db.check(report, "db");
}
}  // namespace

void check_adapter_gradients(Backend& backend, const Setting& setting, Report& report) {
  for (const Case& c : cases()) {
    std::string name = "whole numbers, linear " + to_string({c.n, c.k, c.o});
    for (const Segment& s : c.segments)
      name += " rows " + std::to_string(s.begin) + ".." + std::to_string(s.end) + " rank " +
              std::to_string(s.rank);
    report.enter(name);
    check_case(backend, setting, c, report);
  }
  check_shared(backend, setting, report);
}

// A long segment beside so many others that a GPU has enough to do without cutting it.
void check_adapter_gradients_alone(Backend& backend, const Setting& setting, Report& report) {
  Random random(37);
  const int64_t n = 910, k = 7, o = 5;
  const Tensor x = to_tensor(random.matrix(n, k)), dy = to_tensor(random.matrix(n, o)), none;
  const Weight w = backend.pack(to_tensor(random.matrix(o, k, 0.3, setting.weights), setting.weights), true);
  std::vector<std::array<int64_t, 3>> shapes = {{0, 600, 3}, {600, 617, 16}};  // begin, end, rank
  for (int64_t row = 620; row < n; ++row) shapes.push_back({row, row + 1, 1});
  std::vector<Lora> loras;
  std::vector<LoraSegment> segments;
  std::vector<LoraGradient> all;
  const auto gradients = [&](int64_t rank) {
    return LoraGradient{Tensor::zeros(DType::float32, {rank, k}), Tensor::zeros(DType::float32, {o, rank})};
  };
  for (const auto& [begin, end, rank] : shapes) {
    loras.push_back(backend.pack_lora(to_tensor(random.matrix(rank, k)), to_tensor(random.matrix(o, rank)),
                                      0.7f, setting.weights));
    segments.push_back({begin, end, loras.back().get(), begin == 0 ? 0.2f : 0, 9, begin == 0 ? 4 : 0});
    all.push_back(gradients(rank));
  }
  const Tensor s = Tensor::zeros(DType::float32, {n, 16});
  backend.linear(x, *w, none, segments, s, Tensor::zeros(DType::float32, {n, o}));
  backend.linear_backward(dy, x, *w, segments, s, all, none, false);
  for (const size_t i : {size_t{0}, size_t{1}, size_t{2}, shapes.size() - 1}) {
    const auto& [begin, end, rank] = shapes[i];
    report.enter("gradients of rows " + std::to_string(begin) + ".." + std::to_string(end) + " alone");
    LoraSegment alone = segments[i];
    alone.begin = 0, alone.end = end - begin;
    const std::vector<LoraGradient> its = {gradients(rank)};
    backend.linear_backward(dy.rows(begin, end), x.rows(begin, end), *w, {&alone, 1}, s.rows(begin, end), its,
                            none, false);
    report.same_bits("da", its[0].da, all[i].da);
    report.same_bits("db", its[0].db, all[i].db);
  }
}

}  // namespace whorl::ops
