// Kernels called directly: how exact, and what they do at the edges of float.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cpu/isa.h"

namespace whorl::cpu {

namespace {
class EveryIsa : public testing::TestWithParam<std::string> {
 protected:
  const Kernels& k = kernels_for(GetParam());
  float exp(float x) const {  // factor * exp(x - lse)
    k.row_softmax(1, &x, 0, 1);
    return x;
  }
};

TEST_P(EveryIsa, ExpIsWithinTwoUnitsInTheLastPlace) {
  double worst = 0;
  for (double x = -87; x < 88; x += 0.0137) {
    const float in = static_cast<float>(x);
    const double want = std::exp(static_cast<double>(in));
    const double unit = std::ldexp(1.0, std::ilogb(want) - 23);
    worst = std::max(worst, std::abs(static_cast<double>(exp(in)) - want) / unit);
  }
  EXPECT_LT(worst, 2);
}

TEST_P(EveryIsa, ExpAtTheEdges) {
  EXPECT_EQ(exp(0), 1);
  EXPECT_EQ(exp(-std::numeric_limits<float>::infinity()), 0);
  EXPECT_EQ(exp(-1000), 0);
  EXPECT_GT(exp(1000), 1e38f);
  EXPECT_TRUE(std::isnan(exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST_P(EveryIsa, SumOfExpIsExactOverALongRow) {
  const std::vector<float> x(151937, 0.5f);
  EXPECT_EQ(k.row_max(151937, x.data()), 0.5f);
  EXPECT_NEAR(k.row_sum_exp(151937, x.data(), 0.5f), 151937.0, 1e-9);
}

TEST_P(EveryIsa, MaximumIsFoundAnywhere) {
  for (size_t at = 0; at < 37; ++at) {
    std::vector<float> x(37, -3.0f);
    x[at] = -2.0f;
    EXPECT_EQ(k.row_max(37, x.data()), -2.0f) << at;
  }
}

// A key after the query must not reach it, whatever it holds.
TEST_P(EveryIsa, LaterKeysThatAreNotNumbersDoNotReachEarlierQueries) {
  constexpr int64_t kRows = 40, kSize = 20;
  std::vector<float> q(kRows * kSize, 0.1f), kv(kRows * kSize, 0.2f), out(kRows * kSize);
  for (int64_t i = 30 * kSize; i < kRows * kSize; ++i) kv[static_cast<size_t>(i)] = std::nanf("");
  std::vector<float> scratch(static_cast<size_t>(k.attention_scratch(kRows, kSize)));
  AttentionTile t{};
  t.q = q.data(), t.q_stride = kSize, t.out = out.data(), t.out_stride = kSize;
  t.rows = kRows, t.group = 1, t.head_size = kSize, t.scale = 1;
  t.keys = {kv.data(), kv.data(), kSize, nullptr, 0, false};
  t.scratch = scratch.data();
  k.attention(t);
  for (int64_t i = 0; i < 30 * kSize; ++i) EXPECT_NEAR(out[static_cast<size_t>(i)], 0.2f, 1e-6f) << i;
  EXPECT_TRUE(std::isnan(out[30 * kSize]));
}

std::vector<std::string> every_isa() {
  auto names = available_isas();
  for (const auto& name : emulated_isas()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Cpu, EveryIsa, testing::ValuesIn(every_isa()),
                         [](const auto& instance) { return instance.param; });
}  // namespace
}  // namespace whorl::cpu
