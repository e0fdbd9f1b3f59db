// The adapters of several products of the same rows: at once the bits of one call each, in a batch those of
// the rows alone, whatever the rank, the number of inputs, and the rows beside them.
#include "ops/harness.h"
#include "ops/reference/linear.h"

namespace whorl::ops {

namespace {
using Part = reference::LoraPart<double>;

// Segments with holes and an empty one; the first drops inputs and is a part of a longer one.
std::vector<Part> parts_of(Random& random, int64_t n, int64_t k, int64_t o, int64_t rank) {
  std::vector<Part> out;
  // Of many ranks no more than of few: where both operands are rounded, errors grow with them.
  for (const auto& [begin, end, its] : {std::array<int64_t, 3>{0, n / 3, rank},
                                        {n / 3, n / 3, rank + 9},
                                        {n / 2, n - n / 5, rank / 2 + 1},
                                        {n - n / 5, n, rank}}) {
    Part p;
    p.begin = begin, p.end = end, p.a = random.matrix(its, k, 0.3),
    p.b = random.matrix(o, its, its > 32 ? 0.05 : 0.3);
    p.scale = 0.7, p.dropout = begin == 0 ? 0.3f : 0, p.seed = 5, p.first_row = begin == 0 ? 4 : 0;
    out.push_back(std::move(p));
  }
  return out;
}

// One of the products, with its adapters.
struct Product {
  Matrix<double> weight, bias;
  std::vector<Part> parts;
  Weight w;
  std::vector<Lora> loras;
  std::vector<LoraSegment> segments;
  int64_t rank = 0;  // the largest
  Tensor device_bias;

  Product(Backend& backend, DType dtype, Random& random, int64_t n, int64_t k, int64_t o, int64_t its_rank)
      : weight(random.matrix(o, k, 0.3, dtype)), w(backend.pack(to_tensor(weight, dtype), false)) {
    if (o % 2) bias = random.matrix(1, o), device_bias = to_tensor(bias).reshape({o});
    if (its_rank > 0) parts = parts_of(random, n, k, o, its_rank);
    for (const Part& p : parts) {
      rank = std::max(rank, p.a.rows);
      loras.push_back(backend.pack_lora(to_tensor(p.a), to_tensor(p.b), static_cast<float>(p.scale), dtype));
      segments.push_back({p.begin, p.end, loras.back().get(), p.dropout, p.seed, p.first_row});
    }
  }
  int64_t outputs() const { return w->outputs(); }
  Tensor alone(Backend& backend, const Tensor& x, const Tensor& s) const {
    const Tensor y = Tensor::zeros(DType::float32, {x.dim(0), outputs()});
    backend.linear(x, *w, device_bias, segments, s, y);
    return y;
  }
};

// What a call wrote of s: each segment's own ranks.
void compare_low(const Product& p, const Tensor& a, const Tensor& b, Report& report) {
  for (const LoraSegment& s : p.segments)
    if (s.begin < s.end)
      report.same_bits("s of rows from " + std::to_string(s.begin),
                       a.rows(s.begin, s.end).columns(0, s.lora->rank()),
                       b.rows(s.begin, s.end).columns(0, s.lora->rank()));
}

// Every second product keeps its s; alone it is the others that do.
void check_case(Backend& backend, const Setting& setting, const std::vector<Product>& products,
                const Matrix<double>& x, Report& report) {
  const int64_t n = x.rows;
  std::vector<Guarded> y, low;
  std::vector<Tensor> s;
  for (size_t i = 0; i < products.size(); ++i) {
    y.emplace_back(Shape{n, products[i].outputs()});
    low.emplace_back(Shape{n, products[i].rank + 3});
    s.push_back(i % 2 ? low[i].tensor() : Tensor());
  }
  std::vector<Tensor> results;
  for (const Guarded& one : y) results.push_back(one.tensor());
  std::vector<LinearJob> jobs;
  for (size_t i = 0; i < products.size(); ++i)
    jobs.push_back({*products[i].w, products[i].device_bias, products[i].segments, s[i], results[i]});
  backend.linears(to_tensor(x), jobs);
  for (size_t i = 0; i < products.size(); ++i) {
    const Product& p = products[i];
    const std::string name = "y of product " + std::to_string(i);
    const auto want = reference::linear(x, p.weight, p.bias, p.parts);
    report.compare(name, results[i], want.data,
                   p.rank > 0 ? setting.adapters().forward : setting.exact().forward);
    const Guarded kept({n, p.rank + 3});
    report.same_bits(name + " alone", p.alone(backend, to_tensor(x), i % 2 ? Tensor() : kept.tensor()),
                     results[i]);
    report.same_bits(name + " of rows in a slice", p.alone(backend, to_slice(x), kept.tensor()), results[i]);
    if (i % 2) compare_low(p, s[i], kept.tensor(), report);
    y[i].check(report, name), low[i].check(report, "s"), kept.check(report, "s of one product alone");
  }
}
}  // namespace

void check_adapters_at_once(Backend& backend, const Setting& setting, Report& report) {
  struct Case {
    int64_t n, k;
    std::vector<std::array<int64_t, 2>> products;  // outputs and rank
  };
  for (const Case& c : {Case{1, 256, {{33, 1}, {9, 0}, {17, 16}}},
                        {7, 300, {{20, 3}, {130, 8}, {5, 3}, {31, 1}, {9, 2}}},
                        {8, 8300, {{6, 16}, {3, 3}}},
                        {9, 512, {{12, 64}, {7, 0}, {515, 8}}},
                        {33, 517, {{16, 200}, {9, 3}, {1, 8}}},
                        {0, 64, {{5, 4}, {6, 0}}}}) {
    report.enter("adapters of " + std::to_string(c.products.size()) + " products at once, " +
                 to_string({c.n, c.k}));
    Random random(static_cast<uint64_t>(c.k));
    // Numbers that a backend which rounds to bfloat16 takes as they are, where no adapter stands beside them.
    const auto x = random.matrix(c.n, c.k, 1, setting.weights);
    std::vector<Product> products;
    for (const auto& [o, rank] : c.products)
      products.emplace_back(backend, setting.weights, random, c.n, c.k, o, rank);
    check_case(backend, setting, products, x, report);
    backend.linears(to_tensor(x), {});
  }
}

// Many segments of one row: a GPU has enough to do, and cuts no sums; alone it does.
void check_adapter_rows_alone(Backend& backend, const Setting& setting, Report& report) {
  Random random(31);
  const int64_t n = 130, k = 600, o = 40;
  const Tensor x = to_tensor(random.matrix(n, k)), dy = to_tensor(random.matrix(n, o)), none;
  const Weight w = backend.pack(to_tensor(random.matrix(o, k, 0.3, setting.weights), setting.weights), true);
  std::vector<Lora> loras;
  std::vector<LoraSegment> segments;
  for (const int64_t rank : {3, 16, 1, 8})
    loras.push_back(backend.pack_lora(to_tensor(random.matrix(rank, k)), to_tensor(random.matrix(o, rank)),
                                      0.7f, setting.weights));
  for (int64_t i = 0; i < n; ++i)
    segments.push_back({i, i + 1, loras[static_cast<size_t>(i % 4)].get(), i % 3 ? 0.2f : 0, 9, i});
  std::vector<Tensor> y, s;
  for (int i = 0; i < 4; ++i)
    y.push_back(Tensor::zeros(DType::float32, {n, o})), s.push_back(Tensor::zeros(DType::float32, {n, 16}));
  std::vector<LinearJob> jobs;
  for (size_t i = 0; i < 4; ++i) jobs.push_back({*w, none, segments, i == 1 ? none : s[i], y[i]});
  backend.linears(x, jobs);
  const Tensor dx = Tensor::zeros(DType::float32, {n, k});
  backend.linear_backward(dy, x, *w, segments, none, {}, dx, false);
  report.enter("products of many segments");
  for (const size_t i : {1, 2, 3}) report.same_bits("y", y[i], y[0]);
  for (const int64_t row : {0, 1, 2, 7, 64, 129}) {
    report.enter("adapter of row " + std::to_string(row) + " alone");
    LoraSegment alone = segments[static_cast<size_t>(row)];
    alone.begin = 0, alone.end = 1;
    const Tensor low = Tensor::zeros(DType::float32, {1, 16}), part = Tensor::zeros(DType::float32, {1, o}),
                 back = Tensor::zeros(DType::float32, {1, k});
    backend.linear(x.rows(row, row + 1), *w, none, {&alone, 1}, low, part);
    report.same_bits("y", part, y[0].rows(row, row + 1));
    const int64_t rank = alone.lora->rank();
    report.same_bits("s", low.columns(0, rank), s[0].rows(row, row + 1).columns(0, rank));
    backend.linear_backward(dy.rows(row, row + 1), x.rows(row, row + 1), *w, {&alone, 1}, none, {}, back,
                            false);
    report.same_bits("dx", back, dx.rows(row, row + 1));
  }
}

}  // namespace whorl::ops
