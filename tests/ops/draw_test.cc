// The numbers that every draw is made of.
#include "ops/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace whorl::ops {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Draw, WeighsAsExponentialsDo) {
  EXPECT_EQ(exp_weight(0), 1);
  EXPECT_EQ(exp_weight(-kInfinity), 0);
  EXPECT_EQ(exp_weight(-std::numeric_limits<float>::max()), 0);
  EXPECT_EQ(exp_weight(-88), 0);
  for (int i = 0; i < 870000; ++i) {
    const float x = -static_cast<float>(i) * 1e-4f;
    const double want = std::exp(static_cast<double>(x));
    ASSERT_NEAR(static_cast<double>(exp_weight(x)) / want, 1, 4e-7) << x;
    ASSERT_LE(exp_weight(x), 1);
  }
}

TEST(Draw, AddsWholeNumbers) {
  EXPECT_EQ(whole_weight(1), uint64_t{1} << 40);
  EXPECT_EQ(whole_weight(0x1p-40f), 1u);
  EXPECT_EQ(whole_weight(0), 0u);
  EXPECT_EQ(whole_weight(0x1.8p-41f), 1u);  // to the nearest
  EXPECT_EQ(whole_weight(0x1p-41f), 0u);    // ties to even
  EXPECT_EQ(whole_weight(0x1.8p-40f), 2u);
  EXPECT_EQ(whole_weight(0x1p-60f), 0u);
}

TEST(Draw, ReachesShares) {
  EXPECT_EQ(share_of(.5, 10), 5u);
  EXPECT_EQ(share_of(.51, 10), 6u);
  EXPECT_EQ(share_of(1e-300, 10), 1u);
  EXPECT_EQ(share_of(1, 10), 10u);
  constexpr uint64_t kLarge = (uint64_t{1} << 57) + 1;  // more than a double holds
  EXPECT_LE(share_of(.9999999999999999, kLarge), kLarge);
  EXPECT_GT(share_of(.9999999999999999, kLarge), kLarge - 64);
}

TEST(Draw, FindsUnits) {
  EXPECT_EQ(unit_at(0, 10), 0u);
  EXPECT_EQ(unit_at(.99, 10), 9u);
  EXPECT_EQ(unit_at(.5, 10), 5u);
  for (const uint64_t total : {uint64_t{1}, (uint64_t{1} << 57) + 1, (uint64_t{1} << 53) + 1})
    EXPECT_EQ(unit_at(1 - 0x1p-53, total) < total, true);
}

}  // namespace
}  // namespace whorl::ops
