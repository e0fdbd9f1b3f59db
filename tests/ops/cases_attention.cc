// Attention against its scalar version: several sequences, grouped heads, windows, blocks cut anywhere.
#include <cmath>
#include <cstring>

#include "ops/attention_cases.h"
#include "ops/reference/attention.h"

namespace whorl::ops {

std::vector<AttentionCase> attention_cases(DType precision) {
  const auto shape = [precision](int64_t heads, int64_t kv, int64_t d, int64_t window) {
    return AttentionShape{heads,  kv,       d, static_cast<float>(1 / std::sqrt(static_cast<double>(d))),
                          window, precision};
  };
  return {{"one row", {0, 1}, shape(1, 1, 1, 0)},
          {"two short", {0, 3, 8}, shape(2, 1, 6, 0)},
          {"an empty one between", {0, 17, 17, 40}, shape(4, 2, 16, 0)},
          {"across blocks", {0, 70, 199}, shape(2, 1, 20, 0)},
          {"seven heads a key", {0, 67}, shape(7, 1, 32, 0)},
          {"narrow window", {0, 9, 150}, shape(2, 2, 8, 3)},
          {"wide window", {0, 200}, shape(3, 1, 16, 65)}};
}

AttentionNumbers::AttentionNumbers(const AttentionCase& c, uint64_t seed, DType type) {
  Random random(seed);
  const int64_t n = c.starts.back(), d = c.shape.head_size;
  q = random.matrix(n, c.shape.heads * d, 1, type), k = random.matrix(n, c.shape.kv_heads * d, 1, type);
  v = random.matrix(n, c.shape.kv_heads * d, 1, type), dout = random.matrix(n, c.shape.heads * d, 1, type);
}

namespace {
void check_attention_backward(Backend& backend, const AttentionCase& c, const AttentionNumbers& in,
                              const Tensor& out, const Tensor& lse, double limit, Report& report) {
  Guarded dq({in.q.rows, in.q.columns}), dk({in.k.rows, in.k.columns}), dv({in.v.rows, in.v.columns});
  backend.attention_backward(to_slice(in.dout), to_slice(in.q), to_slice(in.k), to_slice(in.v), out, lse,
                             {c.starts}, c.shape, dq.tensor(), dk.tensor(), dv.tensor());
  const Matrix<Complex> q(in.q), k(in.k), v(in.v);
  const auto scalar = [&](const Matrix<Complex>& cq, const Matrix<Complex>& ck, const Matrix<Complex>& cv) {
    return dot(in.dout, reference::attention(cq, ck, cv, c.starts, c.shape).data);
  };
  const size_t samples = in.q.rows > 50 ? 10 : 24;
  compare_gradient(
      report, "dq", dq.tensor(),
      differentiate(in.q, [&](const Matrix<Complex>& at) { return scalar(at, k, v); }, samples), limit);
  compare_gradient(
      report, "dk", dk.tensor(),
      differentiate(in.k, [&](const Matrix<Complex>& at) { return scalar(q, at, v); }, samples), limit);
  compare_gradient(
      report, "dv", dv.tensor(),
      differentiate(in.v, [&](const Matrix<Complex>& at) { return scalar(q, k, at); }, samples), limit);
  dq.check(report, "dq"), dk.check(report, "dk"), dv.check(report, "dv");
}
}  // namespace

void check_attention(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& c : attention_cases(setting.weights)) {
    report.enter("attention, " + c.name);
    const AttentionNumbers in(c, 3);
    Guarded out({in.q.rows, in.q.columns}), lse({in.q.rows, c.shape.heads}), plain({in.q.rows, in.q.columns});
    backend.attention(to_slice(in.q), to_slice(in.k), to_slice(in.v), {c.starts}, c.shape, out.tensor(),
                      lse.tensor());
    backend.attention(to_slice(in.q), to_slice(in.k), to_slice(in.v), {c.starts}, c.shape, plain.tensor(),
                      Tensor());
    Matrix<double> want_lse(in.q.rows, c.shape.heads);
    const auto want = reference::attention(in.q, in.k, in.v, c.starts, c.shape, &want_lse);
    report.compare("out", out.tensor(), want.data, setting.attention().forward);
    report.compare("lse", lse.tensor(), want_lse.data, setting.attention().forward);
    report.same_bits("out with and without lse", out.tensor(), plain.tensor());
    out.check(report, "out"), lse.check(report, "lse"), plain.check(report, "out without lse");
    check_attention_backward(backend, c, in, out.tensor(), lse.tensor(), setting.attention().gradient,
                             report);
  }
}

Pages::Pages(Backend& backend, const AttentionCase& c, int64_t page_size) {
  const int64_t width = c.shape.kv_heads * c.shape.head_size;
  int64_t count = 0;
  for (size_t s = 0; s + 1 < c.starts.size(); ++s) count += (c.starts[s + 1] - c.starts[s]) / page_size + 1;
  const DType dtype = backend.cache_dtype(c.shape, page_size);
  cache = {backend.allocate(dtype, {count + 1, page_size, width}),
           backend.allocate(dtype, {count + 1, page_size, width}), page_size};
  // Pages in falling order, so that neighbours in a sequence are none in memory; what no one wrote is NaN.
  for (const Tensor* t : {&cache.keys, &cache.values})
    std::memset(t->raw(), 0xff, t->nbytes());  // a NaN in every type
  int32_t next = static_cast<int32_t>(count);
  for (size_t s = 0; s + 1 < c.starts.size(); ++s) {
    tables.emplace_back();
    for (int64_t i = 0; i < (c.starts[s + 1] - c.starts[s]) / page_size + 1; ++i)
      tables.back().push_back(next--);
  }
}

Tensor run_paged(Backend& backend, const AttentionCase& c, const AttentionNumbers& in, int64_t page_size,
                 int64_t chunk, Report& report) {
  Pages pages(backend, c, page_size);
  Guarded out({in.q.rows, in.q.columns});
  std::vector<int64_t> past(c.starts.size() - 1, 0);
  const auto pick = [](const Matrix<double>& m, const std::vector<int64_t>& rows) {
    Matrix<double> some(static_cast<int64_t>(rows.size()), m.columns);
    for (size_t i = 0; i < rows.size(); ++i)
      for (int64_t j = 0; j < m.columns; ++j) some(static_cast<int64_t>(i), j) = m(rows[i], j);
    return some;
  };
  for (;;) {
    std::vector<PagedSequence> step;
    std::vector<int64_t> rows;
    for (size_t s = 0; s < past.size(); ++s) {
      const int64_t length = c.starts[s + 1] - c.starts[s], n = std::min(chunk, length - past[s]);
      if (n <= 0) continue;
      const int64_t begin = static_cast<int64_t>(rows.size());
      for (int64_t i = 0; i < n; ++i) rows.push_back(c.starts[s] + past[s] + i);
      step.push_back({begin, begin + n, past[s], pages.tables[s]});
      past[s] += n;
    }
    if (rows.empty()) break;
    Guarded part({static_cast<int64_t>(rows.size()), in.q.columns});
    backend.attention_paged(to_slice(pick(in.q, rows)), to_slice(pick(in.k, rows)),
                            to_slice(pick(in.v, rows)), step, c.shape, pages.cache, part.tensor());
    part.check(report, "out of a chunk");
    for (size_t i = 0; i < rows.size(); ++i)
      backend.upload(part.tensor().rows(static_cast<int64_t>(i), static_cast<int64_t>(i) + 1),
                     out.tensor().rows(rows[i], rows[i] + 1));
  }
  const Tensor result = Tensor::zeros(DType::float32, {in.q.rows, in.q.columns});
  backend.download(out.tensor(), result);
  return result;
}

void check_attention_paged(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& c : attention_cases(setting.weights)) {
    const AttentionNumbers in(c, 4);
    const auto want = reference::attention(in.q, in.k, in.v, c.starts, c.shape);
    for (const int64_t page_size : {1, 5, 16}) {
      report.enter("attention_paged, " + c.name + ", pages of " + std::to_string(page_size));
      report.compare("out", run_paged(backend, c, in, page_size, 11, report), want.data,
                     setting.attention().forward);
    }
  }
}

}  // namespace whorl::ops
