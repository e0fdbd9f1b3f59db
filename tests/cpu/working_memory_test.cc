// What working_bytes foresees against what the pool has grown to when such a pass has run: with one thread
// the two are the same number, where pieces of rows are of one length.
#include <gtest/gtest.h>

#include "cpu/backend.h"
#include "cpu/isa.h"
#include "ops/backend.h"

namespace whorl::cpu {
namespace {

using ops::Quantize;

struct Case {
  std::string name;
  DType dtype = DType::float32;
  Quantize quantize = Quantize::none;
  int64_t rows = 1;
  bool gradients = false;
  int64_t rank = 0;
  float dropout = 0;
  bool kept_layouts = true;
};
void PrintTo(const Case& t, std::ostream* to) { *to << t.name << ", " << t.rows << " rows"; }

constexpr int64_t kHidden = 96, kWide = 160, kVocabulary = 300;
constexpr ops::AttentionShape kAttention{4, 2, 24, 0.2f};

class WorkingMemory : public testing::TestWithParam<Case> {
 protected:
  static Tensor zeros(Shape shape) { return Tensor::zeros(DType::float32, std::move(shape)); }

  Weight weight(int64_t outputs, int64_t inputs, bool linear) {
    const Tensor w = Tensor::zeros(t.dtype, {outputs, inputs});
    return t.quantize == Quantize::none ? backend.pack(w, t.gradients && (t.kept_layouts || !linear))
                                        : backend.pack_quantized(w, t.quantize);
  }

  // The ops of one pass, in a transformer's order.
  void run(const ops::PassShape& pass) {
    const ops::Ragged whole{starts};
    const auto q = zeros({t.rows, kHidden}), k = zeros({t.rows, kHidden / 2}), lse = zeros({t.rows, 4});
    backend.by_rows(t.rows, {}, [&](const ops::RowPiece& rows) {
      for (const Weight& w : pass.linears) linear(*w, rows.rows());
    });
    backend.attention(q, k, k, whole, kAttention, q, lse);
    const std::vector<int32_t> targets(static_cast<size_t>(t.rows), 1);
    const std::vector<float> ones(targets.size(), 1.0f);
    backend.cross_entropy(q, *pass.head, targets, ones, zeros({t.rows}), t.gradients ? q : Tensor(),
                          Tensor());
    if (!t.gradients) return;
    backend.attention_backward(q, q, k, k, q, lse, whole, kAttention, q, k, k);
    backend.by_rows(t.rows, pass.linears, [&](const ops::RowPiece& rows) {
      for (auto w = pass.linears.rbegin(); w != pass.linears.rend(); ++w) backward(**w, rows.rows());
    });
  }

  struct Adapted {
    Lora lora;
    std::vector<LoraSegment> segments;
    std::vector<LoraGradient> gradients;
    Tensor s;
  };
  Adapted adapted(const PackedWeight& w, int64_t rows) {
    Adapted out;
    if (t.rank == 0) return out;
    const Tensor a = zeros({t.rank, w.inputs()}), b = zeros({w.outputs(), t.rank});
    out.lora = backend.pack_lora(a, b, 1, w.dtype());
    out.segments = {{0, rows, out.lora.get(), t.dropout, 1}};
    out.gradients = {{a, b}};
    if (t.gradients) out.s = zeros({rows, t.rank});
    return out;
  }
  void linear(const PackedWeight& w, int64_t rows) {
    const Adapted a = adapted(w, rows);
    backend.linear(zeros({rows, w.inputs()}), w, Tensor(), a.segments, a.s, zeros({rows, w.outputs()}));
  }
  void backward(const PackedWeight& w, int64_t rows) {
    const Adapted a = adapted(w, rows);
    backend.linear_backward(zeros({rows, w.outputs()}), zeros({rows, w.inputs()}), w, a.segments, a.s,
                            a.gradients, zeros({rows, w.inputs()}), false);
  }

  const Case& t = GetParam();
  CpuBackend backend{std::make_shared<base::ThreadPool>(1), kernels_for("")};
  const std::vector<int32_t> starts{0, static_cast<int32_t>(t.rows)};
};

TEST_P(WorkingMemory, IsForeseenToTheByte) {
  ops::PassShape pass;
  pass.rows = pass.trained_rows = t.rows;
  pass.segment_rows = t.rank > 0 ? t.rows : 0;
  pass.rank = t.rank;
  pass.dropout = t.dropout > 0, pass.gradients = t.gradients;
  pass.attention = kAttention;
  pass.kept_layouts = t.kept_layouts;
  pass.linears = {weight(kHidden, kHidden, true), weight(kWide, kHidden, true), weight(kHidden, kWide, true)};
  pass.head = weight(kVocabulary, kHidden, false);
  const size_t before = backend.held_bytes(), foreseen = backend.working_bytes(pass);
  EXPECT_GT(foreseen, 0u);
  run(pass), run(pass);
  EXPECT_EQ(backend.held_bytes() - before, foreseen);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& [name, dtype, quantize] : {std::tuple{"float32", DType::float32, Quantize::none},
                                              {"bfloat16", DType::bfloat16, Quantize::none},
                                              {"int8", DType::bfloat16, Quantize::int8},
                                              {"int4", DType::bfloat16, Quantize::int4}})
    for (const int64_t rows : {1, 16, 48, 50, 288}) {
      all.push_back({name, dtype, quantize, rows});
      all.push_back({std::string(name) + ", adapted", dtype, quantize, rows, false, 8});
      all.push_back({std::string(name) + ", trained", dtype, quantize, rows, true, 8, 0.1f});
      all.push_back({std::string(name) + ", one layout", dtype, quantize, rows, true, 8, 0.1f, false});
    }
  return all;
}
INSTANTIATE_TEST_SUITE_P(Passes, WorkingMemory, testing::ValuesIn(cases()));

}  // namespace
}  // namespace whorl::cpu
