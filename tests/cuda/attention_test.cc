// Attention on tensor cores at the edges of its tiles: against attention in float32 on the same device, every
// number; and what a row may not know of, its neighbours.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "ops/attention_cases.h"
#include "ops/device.h"
#include "ops/library_folders.h"
#include "ops/staging_backend.h"

namespace whorl::ops {

namespace {
// Sequences that end before, at and behind an edge of 16 queries, of 32 and 64 keys and of a span of 128.
const std::vector<int32_t> kEdges = {0, 1, 16, 32, 49, 112, 176, 241, 371};

AttentionCase edges(int64_t heads, int64_t kv_heads, int64_t head_size, int64_t window) {
  return {std::to_string(heads) + " heads, " + std::to_string(kv_heads) + " of keys, of " +
              std::to_string(head_size) + ", window " + std::to_string(window),
          kEdges,
          {heads, kv_heads, head_size, static_cast<float>(1 / std::sqrt(static_cast<double>(head_size))),
           window, DType::bfloat16}};
}

// Groups of 1, 2, 3, 4 and 8; heads that are padded and heads that are not; windows beside every edge.
std::vector<AttentionCase> edge_cases() {
  return {edges(1, 1, 128, 0), edges(2, 1, 24, 64), edges(3, 1, 80, 0),
          edges(8, 2, 32, 17), edges(8, 1, 5, 0),   edges(2, 2, 64, 1),
          edges(1, 1, 16, 63), edges(2, 1, 40, 65), edges(1, 1, 96, 100)};
}

struct Answer {
  Guarded out, lse, dq, dk, dv;
  explicit Answer(const AttentionCase& c)
      : out({c.starts.back(), c.shape.heads * c.shape.head_size}),
        lse({c.starts.back(), c.shape.heads}),
        dq(out.tensor().shape()),
        dk({c.starts.back(), c.shape.kv_heads * c.shape.head_size}),
        dv(dk.tensor().shape()) {}
  std::vector<std::pair<std::string, const Guarded*>> all() const {
    return {{"out", &out}, {"lse", &lse}, {"dq", &dq}, {"dk", &dk}, {"dv", &dv}};
  }
};

Answer attend(Backend& backend, const AttentionCase& c, const AttentionNumbers& in) {
  Answer a(c);
  const Tensor q = to_slice(in.q), k = to_slice(in.k), v = to_slice(in.v);
  backend.attention(q, k, v, {c.starts}, c.shape, a.out.tensor(), a.lse.tensor());
  backend.attention_backward(to_slice(in.dout), q, k, v, a.out.tensor(), a.lse.tensor(), {c.starts}, c.shape,
                             a.dq.tensor(), a.dk.tensor(), a.dv.tensor());
  return a;
}

Matrix<double> rows_of(const Matrix<double>& m, int64_t begin, int64_t end) {
  Matrix<double> some(end - begin, m.columns);
  std::copy_n(m.data.begin() + begin * m.columns, some.data.size(), some.data.begin());
  return some;
}
AttentionNumbers rows_of(const AttentionNumbers& in, int64_t begin, int64_t end) {
  AttentionNumbers some = in;
  for (Matrix<double> AttentionNumbers::*m :
       {&AttentionNumbers::q, &AttentionNumbers::k, &AttentionNumbers::v, &AttentionNumbers::dout})
    some.*m = rows_of(in.*m, begin, end);
  return some;
}

class TensorAttention : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    for (const char* library : {WHORL_EMULATED_LIBRARY, WHORL_CUDA_LIBRARY})
      if (*library) add_library_folder(std::filesystem::path(library).parent_path().string());
    if (GetParam() == "cuda") {
      const PlugCall found = call_plug("libwhorl_cuda.so", 0);
      if (!found.backend) GTEST_SKIP() << "no GPU: " << found.refusal;
      delete found.backend;
    }
    backend = std::make_unique<StagingBackend>(make_backend(GetParam()));
  }
  void TearDown() override { EXPECT_TRUE(report.ok()) << report.text(); }

  std::unique_ptr<StagingBackend> backend;
  Report report;
};

TEST_P(TensorAttention, IsThatOfFloat32UpToRounding) {
  for (const AttentionCase& c : edge_cases()) {
    report.enter(c.name);
    AttentionCase plain = c;
    plain.shape.precision = DType::float32;
    const AttentionNumbers in(c, 5);
    const Answer got = attend(*backend, c, in), want = attend(*backend, plain, in);
    const auto compare = [&](const char* what, const Guarded& a, const Guarded& b, double limit) {
      report.compare(what, a.tensor(), to_doubles(b.tensor()), limit);
    };
    // Twice, since every one of some fifty thousand numbers is looked at.
    compare("out", got.out, want.out, 2 * kRounded.forward);
    // Sums of products of bfloat16 numbers and of weights that are not rounded yet.
    compare("lse", got.lse, want.lse, tolerance(DType::bfloat16).forward);
    compare("dv", got.dv, want.dv, 2 * kRounded.gradient);
    for (const auto& [what, tensor] : got.all()) tensor->check(report, what);
    if (c.shape.window == 1) {
      for (const Guarded* zero : {&got.dq, &got.dk})
        for (const double x : to_doubles(zero->tensor()))
          report.expect(std::abs(x) < 1e-5, "a query that sees itself alone has a gradient");
      continue;
    }
    compare("dq", got.dq, want.dq, 2 * kRounded.gradient);
    compare("dk", got.dk, want.dk, 2 * kRounded.gradient);
    report.expect(to_doubles(got.out.tensor()) != to_doubles(want.out.tensor()), "nothing was rounded");
  }
}

// Each sequence alone, and beside sequences that are not numbers.
TEST_P(TensorAttention, KnowsNoNeighbours) {
  for (const AttentionCase& c : {edges(2, 1, 24, 40), edges(3, 1, 16, 0)}) {
    const AttentionNumbers in(c, 6, DType::float32);
    const Answer batch = attend(*backend, c, in);
    for (size_t s = 0; s + 1 < kEdges.size(); ++s) {
      const int64_t begin = kEdges[s], end = kEdges[s + 1];
      AttentionCase alone = c;
      alone.starts = {0, static_cast<int32_t>(end - begin)};
      const Answer one = attend(*backend, alone, rows_of(in, begin, end));
      AttentionNumbers beside = in;
      for (Matrix<double>* m : {&beside.q, &beside.k, &beside.v, &beside.dout})
        for (int64_t i = 0; i < m->rows; ++i)
          if (i < begin || i >= end)
            for (int64_t j = 0; j < m->columns; ++j) (*m)(i, j) = std::numeric_limits<double>::quiet_NaN();
      const Answer among = s % 3 == 0 ? attend(*backend, c, beside) : batch;
      report.enter(c.name + ", sequence " + std::to_string(s));
      for (size_t i = 0; i < 5; ++i) {
        const Tensor mine = batch.all()[i].second->tensor().rows(begin, end);
        report.same_bits(batch.all()[i].first + " alone", one.all()[i].second->tensor(), mine);
        report.same_bits(batch.all()[i].first + " beside NaN",
                         among.all()[i].second->tensor().rows(begin, end), mine);
      }
    }
  }
}

// Several spans, split over blocks and in one: the bits of the whole, whatever a step brings.
TEST_P(TensorAttention, HasTheSameBitsOverPages) {
  struct Pass {
    int64_t head_size, window, chunk;
  };
  // A head of an odd number of channels begins within a word of its page.
  for (const auto& [head_size, window, chunk] :
       {Pass{24, 0, 45}, Pass{24, 200, 64}, Pass{24, 130, 7}, Pass{5, 0, 33}}) {
    AttentionCase c = edges(4, 2, head_size, window);
    c.starts = {0, 300, 310, 450};
    const AttentionNumbers in(c, 7, DType::float32);
    const Tensor whole = Tensor::zeros(DType::float32, {in.q.rows, in.q.columns});
    backend->attention(to_tensor(in.q), to_tensor(in.k), to_tensor(in.v), {c.starts}, c.shape, whole,
                       Tensor());
    report.enter(c.name + ", chunks of " + std::to_string(chunk));
    report.same_bits("out", run_paged(*backend, c, in, 16, chunk, report), whole);
  }
}

// Pages hold what keys and values are rounded to, and no more; float32 where that is computed with.
TEST_P(TensorAttention, KeepsPagesRounded) {
  AttentionCase c = edges(2, 1, 24, 0);
  c.starts = {0, 6};
  const AttentionNumbers in(c, 10, DType::float32);
  Pages pages(*backend, c, 4);
  ASSERT_EQ(pages.cache.keys.dtype(), DType::bfloat16);
  Guarded out({6, in.q.columns});
  const std::vector<PagedSequence> one = {{0, 6, 0, pages.tables[0]}};
  backend->attention_paged(to_slice(in.q), to_slice(in.k), to_slice(in.v), one, c.shape, pages.cache,
                           out.tensor());
  report.enter("pages of keys and values");
  for (const auto& [tensor, numbers] : {std::pair(&pages.cache.keys, &in.k), {&pages.cache.values, &in.v}})
    for (int64_t i = 0; i < 6; ++i) {
      const auto* slot =
          tensor->data<uint16_t>() + (pages.tables[0][static_cast<size_t>(i / 4)] * 4 + i % 4) * 24;
      for (int64_t j = 0; j < 24; ++j)
        report.expect(slot[j] == float_to_bf16(static_cast<float>((*numbers)(i, j))),
                      "not the number rounded");
    }
  AttentionShape plain = c.shape;
  plain.precision = DType::float32;
  EXPECT_EQ(backend->cache_dtype(plain, 16), DType::float32);
}

// A query that is no number has no answer, and takes none from the others.
TEST_P(TensorAttention, KeepsNanToItsRow) {
  AttentionCase c = edges(2, 1, 16, 0);
  AttentionNumbers in(c, 8);
  const Answer before = attend(*backend, c, in);
  const int64_t spoiled = 300;
  for (int64_t j = 0; j < in.q.columns; ++j) in.q(spoiled, j) = std::numeric_limits<double>::quiet_NaN();
  const Answer after = attend(*backend, c, in);
  report.enter("a query of NaN");
  for (const double x : to_doubles(after.out.tensor().rows(spoiled, spoiled + 1)))
    report.expect(std::isnan(x), "its answer is a number");
  report.same_bits("rows before", after.out.tensor().rows(0, spoiled), before.out.tensor().rows(0, spoiled));
  report.same_bits("rows behind", after.out.tensor().rows(spoiled + 1, 371),
                   before.out.tensor().rows(spoiled + 1, 371));
}

// Float32 on request, and no other word is taken for it.
TEST_P(TensorAttention, GivesWayToFloat32WhereThatIsAskedFor) {
  const AttentionCase c = edges(2, 1, 24, 0);
  AttentionCase plain = c;
  plain.shape.precision = DType::float32;
  const AttentionNumbers in(c, 9);
  const Answer want = attend(*backend, plain, in);
  setenv("WHORL_CUDA_ATTENTION", "float32", 1);
  StagingBackend asked(make_backend(GetParam()));
  const Answer got = attend(asked, c, in);
  EXPECT_EQ(asked.cache_dtype(c.shape, 16), DType::float32);
  report.enter("float32 asked for");
  for (size_t i = 0; i < 5; ++i)
    report.same_bits(got.all()[i].first, got.all()[i].second->tensor(), want.all()[i].second->tensor());
  setenv("WHORL_CUDA_ATTENTION", "float16", 1);
  std::string said = "nothing";
  try {
    make_backend(GetParam());
  } catch (const std::exception& error) {
    said = error.what();
  }
  unsetenv("WHORL_CUDA_ATTENTION");
  report.expect(said.find("'bfloat16' or 'float32' or not set, got 'float16'") != said.npos,
                "another word: " + said);
}

INSTANTIATE_TEST_SUITE_P(Cuda, TensorAttention, testing::Values("cuda_emulated", "cuda"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace whorl::ops
