// Weights without a second layout: their transpose made in passing, and gradients through it, against the
// layout that prepare_backward keeps.
#include <gtest/gtest.h>

#include <cstring>

#include "base/thread_pool.h"
#include "cpu/backend.h"
#include "cpu/isa.h"
#include "ops/backend.h"

namespace whorl::cpu {
namespace {

constexpr float kGuard = 12345.0f;

Tensor numbers(Shape shape, uint32_t seed, DType dtype = DType::float32) {
  Tensor out = Tensor::zeros(dtype, std::move(shape));
  for (int64_t i = 0; i < out.numel(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    const float value = static_cast<float>(seed >> 8) / (1 << 23) - 1;
    if (dtype == DType::bfloat16)
      out.data<uint16_t>()[i] = float_to_bf16(value);
    else
      out.data<float>()[i] = value;
  }
  return out;
}

std::vector<std::string> every_isa() {
  auto names = available_isas();
  for (const auto& name : emulated_isas()) names.push_back(name);
  return names;
}

class Turned : public testing::TestWithParam<std::tuple<std::string, DType>> {
 protected:
  const Kernels& k = kernels_for(std::get<0>(GetParam()));
  const DType dtype = std::get<1>(GetParam());
  base::ThreadPool pool{1};

  // Panel `panel` of a layout as a product reads it: its own words, or widened where those are not
  // multiplied.
  std::vector<float> panel_of(const Panels& layout, int64_t panel) const {
    const int64_t words = layout.bf16() ? (layout.k() + 1) / 2 : layout.k();
    const float* from = static_cast<const float*>(layout.data()) + panel * words * kPanel;
    if (!layout.bf16() || k.bfloat16_group == 2) return {from, from + words * kPanel};
    std::vector<float> wide(static_cast<size_t>(layout.k() * kPanel));
    const auto* pairs = reinterpret_cast<const uint16_t*>(from);
    for (int64_t i = 0; i < layout.k(); ++i)
      for (int64_t lane = 0; lane < kPanel; ++lane)
        wide[static_cast<size_t>(i * kPanel + lane)] =
            bf16_to_float(pairs[i / 2 * 2 * kPanel + lane * 2 + i % 2]);
    return wide;
  }
};

TEST_P(Turned, APanelIsThatOfTheSecondLayout) {
  for (const auto& [outputs, inputs] :
       {std::pair<int64_t, int64_t>{1, 1}, {16, 16}, {17, 33}, {48, 15}, {31, 64}, {130, 61}, {6, 18}}) {
    const Tensor w = numbers({outputs, inputs}, 7, dtype);
    Panels forward(dtype, inputs, outputs), backward(dtype, outputs, inputs);
    forward.fill(pool, w.raw(), 1, inputs);
    backward.fill(pool, w.raw(), inputs, 1);
    for (int64_t panel = 0; panel < backward.panels(); ++panel) {
      const std::vector<float> want = panel_of(backward, panel);
      std::vector<float> got(want.size() + 16, kGuard);
      k.turn_panel({forward.data(), forward.bf16(), inputs, outputs, panel, got.data()});
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0)
          << outputs << " x " << inputs << ", panel " << panel;
      for (size_t i = want.size(); i < got.size(); ++i) EXPECT_EQ(got[i], kGuard) << "written past the panel";
    }
  }
}

// Large enough that the transpose is made in several parts. With one segment of all rows the adapter is
// folded into the base's product where that is done, with two it comes after.
TEST_P(Turned, GradientsAreTheSameBits) {
  constexpr int64_t kOutputs = 2151, kInputs = 2005, kRows = 5, kRank = 3;
  const Tensor w = numbers({kOutputs, kInputs}, 1, dtype), a = numbers({kRank, kInputs}, 2),
               b = numbers({kOutputs, kRank}, 3), dy = numbers({kRows, kOutputs}, 4),
               x = numbers({kRows, kInputs}, 5), s = numbers({kRows, kRank}, 6);
  for (const int threads : {1, 2})
    for (const float dropout : {0.0f, 0.25f}) {
      CpuBackend backend{std::make_shared<base::ThreadPool>(threads), k};
      const Weight kept = backend.pack(w, true), bare = backend.pack(w, false);
      ASSERT_GT(kept->nbytes(), bare->nbytes());
      const Lora lora = backend.pack_lora(a, b, 0.5f, dtype);
      const std::vector<ops::LoraSegment> two = {{0, 2, lora.get(), dropout, 1},
                                                 {3, 5, lora.get(), dropout, 2}},
                                          one = {{0, kRows, lora.get(), dropout, 1}};
      const auto run = [&](const Weight& weight, const std::vector<ops::LoraSegment>& segments,
                           bool accumulate) {
        const std::vector<Tensor> out = {numbers({kRows, kInputs}, 8), numbers({kRank, kInputs}, 9),
                                         numbers({kOutputs, kRank}, 10)};
        const std::vector<ops::LoraGradient> gradients(segments.size(), {out[1], out[2]});
        backend.linear_backward(dy, x, *weight, segments, s, gradients, out[0], accumulate);
        return out;
      };
      for (const auto* segments : {&one, &two})
        for (const bool accumulate : {false, true}) {
          const auto want = run(kept, *segments, accumulate), got = run(bare, *segments, accumulate);
          for (size_t i = 0; i < want.size(); ++i)
            EXPECT_EQ(std::memcmp(got[i].raw(), want[i].raw(), want[i].nbytes()), 0)
                << "result " << i << ", " << threads << " threads, dropout " << dropout << ", accumulate "
                << accumulate << ", segments " << segments->size();
        }
    }
}

TEST_P(Turned, LossesOfAHeadWithoutItAreTheSameBits) {
  constexpr int64_t kVocabulary = 70, kHidden = 40, kRows = 9;
  CpuBackend backend{std::make_shared<base::ThreadPool>(2), k};
  const Tensor w = numbers({kVocabulary, kHidden}, 1, dtype), h = numbers({kRows, kHidden}, 2);
  const std::vector<int32_t> targets = {3, -1, 69, 0, 7, 7, -1, 12, 40};
  const std::vector<float> weights(kRows, 0.5f);
  const auto run = [&](bool kept) {
    const std::vector<Tensor> out = {numbers({kRows}, 3), numbers({kRows, kHidden}, 4)};
    backend.cross_entropy(h, *backend.pack(w, kept), targets, weights, out[0], out[1], Tensor());
    return out;
  };
  const auto want = run(true), got = run(false);
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ(std::memcmp(got[i].raw(), want[i].raw(), want[i].nbytes()), 0) << "result " << i;
}

// Codes are widened on the same way: several parts of them, against the numbers that they stand for.
TEST_P(Turned, GradientsThroughCodesInSeveralParts) {
  if (dtype == DType::float32) GTEST_SKIP() << "codes stand for one type";
  constexpr int64_t kOutputs = 2151, kInputs = 2005, kRows = 3;
  CpuBackend backend{std::make_shared<base::ThreadPool>(2), k};
  const Tensor dy = numbers({kRows, kOutputs}, 4);
  const Weight codes = backend.pack_quantized(numbers({kOutputs, kInputs}, 1), ops::Quantize::int8);
  const Weight plain = backend.pack(backend.unpack(*codes), false);
  const Tensor got = numbers({kRows, kInputs}, 5), want = numbers({kRows, kInputs}, 6);
  backend.linear_backward(dy, Tensor(), *codes, {}, Tensor(), {}, got, false);
  backend.linear_backward(dy, Tensor(), *plain, {}, Tensor(), {}, want, false);
  for (int64_t i = 0; i < want.numel(); ++i)
    ASSERT_NEAR(got.data<float>()[i], want.data<float>()[i], 0.5) << "of about 15, number " << i;
}

INSTANTIATE_TEST_SUITE_P(Cpu, Turned,
                         testing::Combine(testing::ValuesIn(every_isa()),
                                          testing::Values(DType::float32, DType::bfloat16)),
                         [](const auto& instance) {
                           return std::get<0>(instance.param) + "_" + name_of(std::get<1>(instance.param));
                         });

}  // namespace
}  // namespace whorl::cpu
