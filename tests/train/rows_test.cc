// Which rows are learnt from, and when.
#include <gtest/gtest.h>

#include <set>

#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(Rows, AMaskedRowIsAnErrorOrCounted) {
  const std::vector<EncodedRow> rows = {{{1, 2, 3}, {0, 1, 1}}, {{4, 5, 6}, {1, 0, 0}}};
  EXPECT_NE(message_of([&] { rows_of(rows); }).find("row 1: no token of this row is trained"),
            std::string::npos);
  const auto kept = rows_of(rows, {256, "drop", "error"});
  EXPECT_EQ(kept.rows.size(), 1u);
  EXPECT_EQ(kept.dropped_rows, 1);
  EXPECT_EQ(kept.trained_tokens, 2);
}

TEST(Rows, NothingToLearnIsAnErrorEvenWhenDropping) {
  const std::vector<EncodedRow> rows = {{{4, 5, 6}, {0, 0, 0}}};
  EXPECT_NE(message_of([&] { rows_of(rows, {256, "drop", "error"}); }).find("at least one trained token"),
            std::string::npos);
}

TEST(Rows, LongRows) {
  const std::vector<EncodedRow> rows = {{{1, 2, 3}, {0, 1, 1}}, {{4, 5, 6, 7, 8}, {0, 0, 1, 1, 1}}};
  EXPECT_NE(
      message_of([&] { rows_of(rows, {4, "error", "error"}); }).find("5 tokens are more than max_length 4"),
      std::string::npos);
  EXPECT_EQ(rows_of(rows, {4, "error", "drop"}).dropped_rows, 1);
  const auto cut = rows_of(rows, {4, "error", "truncate"});
  EXPECT_EQ(cut.truncated_rows, 1);
  EXPECT_EQ(cut.rows[1].ids.size(), 4u);
  EXPECT_EQ(cut.trained_tokens, 4);
}

TEST(Rows, ARowWhoseTrainedPartIsCutAwayIsRefused) {
  const std::vector<EncodedRow> rows = {{{1, 2, 3}, {0, 1, 1}}, {{4, 5, 6, 7, 8}, {0, 0, 0, 0, 1}}};
  EXPECT_NE(
      message_of([&] { rows_of(rows, {4, "error", "truncate"}); }).find("no token of this row is trained"),
      std::string::npos);
}

TEST(Rows, WhatComesAfterTheLastTrainedTokenIsNotComputed) {
  const auto rows = rows_of({{{1, 2, 3, 4, 5}, {0, 1, 1, 0, 0}}});
  EXPECT_EQ(rows.inputs[0], 2);  // 1 and 2 predict 2 and 3
}

TEST(Epochs, EveryRowOnceAnEpochAndInAnotherOrderTheNext) {
  const auto rows = rows_of(random_rows(50, 1));
  TrainOptions o;
  o.epochs = 2;
  o.batch_size = 2;
  o.gradient_accumulation_steps = 2;
  o.max_length = 64;
  for (const bool packing : {true, false}) {
    o.packing = packing;
    train::Epochs epochs(rows, o, 64);
    std::vector<std::vector<int64_t>> orders(1);
    for (int64_t s = 0; s < epochs.total_steps(); ++s) {
      for (const auto& micro : epochs.step(s).micro)
        orders.back().insert(orders.back().end(), micro.rows.begin(), micro.rows.end());
      if (epochs.ends_epoch(s + 1)) orders.emplace_back();
    }
    ASSERT_EQ(orders.size(), 3u);
    for (int e = 0; e < 2; ++e) EXPECT_EQ(std::set<int64_t>(orders[e].begin(), orders[e].end()).size(), 50u);
    EXPECT_EQ(orders[0].size(), 50u);
    EXPECT_NE(orders[0], orders[1]);
  }
}

TEST(Epochs, AnyStepCanBeAskedForAlone) {
  const auto rows = rows_of(random_rows(50, 1));
  TrainOptions o;
  o.epochs = 2.5;
  o.batch_size = 2;
  o.max_length = 64;
  train::Epochs all(rows, o, 64);
  for (int64_t s = all.total_steps(); s-- > 0;) {
    train::Epochs fresh(rows, o, 64);
    const auto a = all.step(s), b = fresh.step(s);
    ASSERT_EQ(a.micro.size(), b.micro.size());
    EXPECT_EQ(a.micro[0].rows, b.micro[0].rows);
    EXPECT_LE(a.micro[0].tokens, all.largest_micro_batch());
  }
}

TEST(Options, EveryBadOneIsNamed) {
  const std::vector<std::pair<std::function<void(TrainOptions&)>, std::string>> table = {
      {[](TrainOptions& o) { o.epochs = 0; }, "epochs"},
      {[](TrainOptions& o) { o.epochs = NAN; }, "epochs"},
      {[](TrainOptions& o) { o.max_steps = -1; }, "max_steps"},
      {[](TrainOptions& o) { o.batch_size = 0; }, "batch_size"},
      {[](TrainOptions& o) { o.gradient_accumulation_steps = 0; }, "gradient_accumulation_steps"},
      {[](TrainOptions& o) { o.max_length = 1; }, "max_length"},
      {[](TrainOptions& o) { o.lr_scheduler = "cosin"; }, "did you mean 'cosine'"},
      {[](TrainOptions& o) { o.warmup_ratio = 2; }, "warmup_ratio"},
      {[](TrainOptions& o) { o.min_lr_ratio = -1; }, "min_lr_ratio"},
      {[](TrainOptions& o) { o.beta2 = 1; }, "beta2"},
      {[](TrainOptions& o) { o.epsilon = 0; }, "epsilon"},
      {[](TrainOptions& o) { o.max_grad_norm = INFINITY; }, "max_grad_norm"},
      {[](TrainOptions& o) { o.resume = true; }, "checkpoint_dir"},
      {[](TrainOptions& o) { o.on_masked_row = "ignore"; }, "on_masked_row"},
      {[](TrainOptions& o) { o.on_long_row = "cut"; }, "on_long_row"}};
  for (const auto& [spoil, expected] : table) {
    TrainOptions o;
    spoil(o);
    EXPECT_NE(message_of([&] { train::check_options(o, "[Trainer]"); }).find(expected), std::string::npos)
        << expected;
  }
  EXPECT_NO_THROW(train::check_options({}, "[Trainer]"));
}

TEST(Adapters, NamesTargetsAndNumbersAreChecked) {
  const Model base = toy_model();
  const auto error = [&](const LoraOptions& a, const LoraOptions& b) {
    return message_of([&] { Trainer(base, {a, b}); });
  };
  EXPECT_NE(error({.name = "x"}, {.name = "x"}).find("two adapters are called 'x'"), std::string::npos);
  EXPECT_NE(error({.name = "x"}, {.name = ""}).find("has no name"), std::string::npos);
  LoraOptions wrong{.name = "y"};
  wrong.target_modules = {"q_prj"};
  EXPECT_NE(error({.name = "x"}, wrong).find("q_prj"), std::string::npos);
  wrong = {.name = "y"};
  wrong.rank = 0;
  EXPECT_NE(error({.name = "x"}, wrong).find("rank"), std::string::npos);
  wrong = {.name = "y"};
  wrong.learning_rate = -1;
  EXPECT_NE(error({.name = "x"}, wrong).find("learning_rate"), std::string::npos);
  EXPECT_NE(message_of([&] { Trainer(base, {}); }).find("at least one adapter"), std::string::npos);
}

}  // namespace
}  // namespace whorl
