// Rotations of several tensors at once, and those that attention over pages makes in passing: the bits of the
// separate calls.
#include <cmath>

#include "ops/attention_cases.h"
#include "ops/reference/attention.h"
#include "ops/reference/rows.h"

namespace whorl::ops {

namespace {
Matrix<double> angles(int64_t positions, int64_t head_size) {
  Matrix<double> table(positions, head_size);
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t i = 0; i < head_size / 2; ++i) {
      const double angle = static_cast<double>(p) * std::pow(10.0, -static_cast<double>(i) / 8);
      table(p, i) = static_cast<double>(static_cast<float>(std::cos(angle)));
      table(p, head_size / 2 + i) = static_cast<double>(static_cast<float>(std::sin(angle)));
    }
  return table;
}

// Its own memory, guarded.
Guarded copy_of(Backend& backend, const Matrix<double>& m) {
  Guarded out({m.rows, m.columns});
  backend.upload(to_tensor(m), out.tensor());
  return out;
}
}  // namespace

void check_ropes(Backend& backend, const Setting& setting, Report& report) {
  for (const std::vector<int64_t>& heads : {std::vector<int64_t>{3}, {4, 2}, {1, 5, 2}, {40, 8}}) {
    report.enter("ropes of " + std::to_string(heads.size()) + " tensors");
    const int64_t n = 7, d = 10;
    Random random(static_cast<uint64_t>(heads.size()));
    const Matrix<double> table = angles(11, d);
    std::vector<int32_t> positions;
    for (int64_t i = 0; i < n; ++i) positions.push_back(static_cast<int32_t>(random.below(11)));
    for (const bool inverse : {false, true}) {
      std::vector<Guarded> together, apart;
      std::vector<Tensor> all;
      for (const int64_t count : heads) {
        const auto x = random.matrix(n, count * d);
        together.push_back(copy_of(backend, x)), apart.push_back(copy_of(backend, x));
        all.push_back(together.back().tensor());
      }
      backend.ropes(all, positions, to_tensor(table), d, inverse);
      for (size_t i = 0; i < heads.size(); ++i) {
        const auto before = to_doubles(apart[i].tensor());
        backend.rope(apart[i].tensor(), positions, to_tensor(table), d, inverse);
        report.same_bits("tensor " + std::to_string(i), all[i], apart[i].tensor());
        together[i].check(report, "tensor " + std::to_string(i));
        if (inverse) continue;
        Matrix<double> x(n, heads[i] * d);
        x.data = before;
        report.compare("tensor " + std::to_string(i), all[i], reference::rope(x, positions, table, d).data,
                       setting.exact().forward);
      }
    }
  }
}

namespace {
// How a case's rows go through the pages.
struct Steps {
  int64_t page_size, chunk;
  int64_t spare;  // rows of nobody's before each step's
  bool adapters;  // beside the products of what attention gives
};

// In steps: turned and multiplied on their way through the pages (`together`), or before and after.
struct TurnedRun {
  static constexpr int64_t kOutputs = 20, kRank = 3;
  Backend& backend;
  const AttentionCase& c;
  const AttentionNumbers& in;
  const Tensor table;
  const Weight w;
  const Lora lora;

  struct Results {
    Tensor out, plain, added;
  };
  // Sequence by sequence.
  Results operator()(const Steps& steps, bool together, Report& report) const {
    Pages pages(backend, c, steps.page_size);
    const int64_t n = in.q.rows;
    const auto zeros = [n](int64_t columns) { return Tensor::zeros(DType::float32, {n, columns}); };
    const Results all{zeros(in.q.columns), zeros(kOutputs), zeros(kOutputs)};
    for (size_t s = 0; s + 1 < c.starts.size(); ++s)
      for (int64_t past = 0, length = c.starts[s + 1] - c.starts[s]; past < length; past += steps.chunk) {
        const int64_t rows = std::min(steps.chunk, length - past), first = c.starts[s] + past;
        step({steps.spare, steps.spare + rows, past, pages.tables[s]}, first, pages.cache,
             {together, steps.adapters}, all, report);
      }
    return all;
  }

 private:
  struct Way {
    bool together, adapters;
  };
  // Rows from `first` on, and before them so many that are nobody's.
  Matrix<double> pick(const Matrix<double>& m, int64_t first, const PagedSequence& rows) const {
    Matrix<double> some(rows.end, m.columns);
    for (int64_t i = 0; i < rows.end; ++i)
      for (int64_t j = 0; j < m.columns; ++j) some(i, j) = m(first + std::max<int64_t>(0, i - rows.begin), j);
    return some;
  }
  void step(const PagedSequence& rows, int64_t first, const PagedCache& cache, const Way& way,
            const Results& all, Report& report) const {
    const int64_t n = rows.end, d = c.shape.head_size;
    const Guarded q = copy_of(backend, pick(in.q, first, rows)),
                  k = copy_of(backend, pick(in.k, first, rows)),
                  its_q = copy_of(backend, pick(in.q, first, rows)),
                  its_k = copy_of(backend, pick(in.k, first, rows));
    const Tensor v = to_slice(pick(in.v, first, rows)), none,
                 residual = to_tensor(Random(2).matrix(n, kOutputs));
    std::vector<int32_t> positions(static_cast<size_t>(rows.begin), 3);
    for (int64_t i = rows.begin; i < n; ++i)
      positions.push_back(static_cast<int32_t>(rows.past + i - rows.begin));
    const Guarded part({n, in.q.columns}, 0.5), plain({n, kOutputs}), added({n, kOutputs});
    const Tensor y = plain.tensor(), more = added.tensor();
    const LoraSegment segment{0, (n + 1) / 2, lora.get()};
    const std::span<const LoraSegment> segments(&segment, way.adapters ? 1 : 0);
    const std::vector<LinearJob> jobs = {{*w, none, {}, none, y},
                                         {*w, none, segments, none, more, &residual}};
    for (const Guarded* x : {&its_q, &its_k}) backend.rope(x->tensor(), positions, table, d, false);
    if (way.together) {
      backend.rope_attention_paged(q.tensor(), k.tensor(), v, positions, table, {&rows, 1}, c.shape, cache,
                                   part.tensor(), jobs);
      report.same_bits("turned q", q.tensor(), its_q.tensor());
      report.same_bits("turned k", k.tensor(), its_k.tensor());
      for (const Guarded* x : {&q, &k, &part, &plain, &added}) x->check(report, "what was written");
      // Of all rows, those too that are nobody's.
      const Guarded its_plain({n, kOutputs}), its_added({n, kOutputs});
      const Tensor its_y = its_plain.tensor(), its_more = its_added.tensor();
      const std::vector<LinearJob> again = {{*w, none, {}, none, its_y},
                                            {*w, none, segments, none, its_more, &residual}};
      backend.linears(part.tensor(), again);
      report.same_bits("products of what is there", y, its_y);
      report.same_bits("products of what is there and a residual", more, its_more);
    } else {
      backend.attention_paged(its_q.tensor(), its_k.tensor(), v, {&rows, 1}, c.shape, cache, part.tensor());
      backend.linears(part.tensor(), jobs);
    }
    const auto keep = [&](const Guarded& from, const Tensor& to) {
      backend.upload(from.tensor().rows(rows.begin, n), to.rows(first, first + n - rows.begin));
    };
    keep(part, all.out), keep(plain, all.plain), keep(added, all.added);
  }
};

void check_without_sequences(const TurnedRun& run, const std::vector<int32_t>& positions, Report& report) {
  report.enter("rope_attention_paged without sequences, " + run.c.name);
  const Shape shape = {run.in.q.rows, run.in.q.columns};
  Pages pages(run.backend, run.c, 4);
  const Guarded q = copy_of(run.backend, run.in.q), its = copy_of(run.backend, run.in.q),
                k = copy_of(run.backend, run.in.k), out(shape);
  run.backend.rope(its.tensor(), positions, run.table, run.c.shape.head_size, false);
  run.backend.rope_attention_paged(q.tensor(), k.tensor(), to_tensor(run.in.v), positions, run.table, {},
                                   run.c.shape, pages.cache, out.tensor(), {});
  report.same_bits("turned q", q.tensor(), its.tensor());
  report.same_bits("out, which nobody wrote", out.tensor(), Guarded(shape).tensor());
}
}  // namespace

void check_rope_attention_paged(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& c : attention_cases(setting.weights)) {
    if (c.shape.head_size % 2) continue;
    const AttentionNumbers in(c, 9);
    const int64_t inputs = in.q.columns;
    const Matrix<double> table = angles(200, c.shape.head_size);
    std::vector<int32_t> positions;
    for (size_t s = 0; s + 1 < c.starts.size(); ++s)
      for (int32_t i = c.starts[s]; i < c.starts[s + 1]; ++i) positions.push_back(i - c.starts[s]);
    const auto want = reference::attention(reference::rope(in.q, positions, table, c.shape.head_size),
                                           reference::rope(in.k, positions, table, c.shape.head_size), in.v,
                                           c.starts, c.shape);
    // What is turned is no bfloat16 number any more: a backend that multiplies such rounds both operands of
    // the scores, whose errors the exponential makes larger.
    const bool rounds = setting.attention_rounds && setting.weights == DType::bfloat16;
    const double limit = setting.attention().forward * (rounds ? 4 : 1);
    Random random(10);
    const Weight w = backend.pack(
        to_tensor(random.matrix(TurnedRun::kOutputs, inputs, 0.3, setting.weights), setting.weights), false);
    const Lora lora = backend.pack_lora(to_tensor(random.matrix(TurnedRun::kRank, inputs)),
                                        to_tensor(random.matrix(TurnedRun::kOutputs, TurnedRun::kRank)), 0.5f,
                                        setting.weights);
    const TurnedRun run{backend, c, in, to_tensor(table), w, lora};
    for (const Steps& steps :
         {Steps{16, 40, 1, false}, {5, 9, 0, true}, {16, 200, 0, false}, {7, 30, 2, true}}) {
      report.enter("rope_attention_paged, " + c.name + ", chunks of " + std::to_string(steps.chunk));
      const auto together = run(steps, true, report), apart = run(steps, false, report);
      report.compare("out", together.out, want.data, limit);
      report.same_bits("out", together.out, apart.out);
      report.same_bits("its product", together.plain, apart.plain);
      report.same_bits("its product and a residual", together.added, apart.added);
    }
    check_without_sequences(run, positions, report);
  }
}

}  // namespace whorl::ops
