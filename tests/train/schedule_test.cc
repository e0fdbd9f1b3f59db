// Learning rates against transformers' own schedules.
#include "train/schedule.h"

#include <gtest/gtest.h>

#include "model/golden.h"

namespace whorl {
namespace {

void expect_factors(TrainOptions o, const std::string& name) {
  const auto expected = testing::golden_index()["schedules"][name].get<std::vector<double>>();
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(train::schedule_factor(o, static_cast<int64_t>(i), 20), expected[i], 1e-12)
        << name << " " << i;
}

TEST(Schedule, EqualsTransformers) {
  for (const std::string name : {"cosine", "linear", "constant"}) {
    TrainOptions o;
    o.lr_scheduler = name;
    o.warmup_steps = 4;
    expect_factors(o, name);
    o.warmup_steps = 0;
    o.warmup_ratio = 0.2;
    expect_factors(o, name);
  }
  TrainOptions o;
  o.warmup_steps = 4;
  o.min_lr_ratio = 0.1;
  expect_factors(o, "cosine_min");
}

TEST(Schedule, WarmupStepsAreRoundedUp) {
  TrainOptions o;
  o.warmup_ratio = 0.1;
  EXPECT_EQ(train::warmup_steps(o, 11), 2);
}

}  // namespace
}  // namespace whorl
