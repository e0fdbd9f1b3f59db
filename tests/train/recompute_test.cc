// A run that computes activations again gives the bits of a run that keeps them.
#include <gtest/gtest.h>

#include "../ops/forwarding_backend.h"
#include "model/decoder.h"
#include "train/harness.h"
#include "train/memory_plan.h"
#include "train/recompute_choice.h"
#include "train/train_plan.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

Model small(const std::string& type, const std::string& dtype, const std::string& quantize) {
  ModelConfig c;
  c.model_type = type;
  c.vocab_size = 128;
  c.hidden_size = 64;
  c.intermediate_size = 96;
  c.num_hidden_layers = 4;
  c.num_attention_heads = 4;
  c.num_key_value_heads = 2;
  c.max_position_embeddings = 256;
  c.torch_dtype = dtype;
  return Model::create(c, 5, {}, {.threads = 2, .quantize = quantize});
}

struct Pass {
  std::vector<std::vector<float>> gradients;
  std::vector<float> losses;
};

TrainedOptions options() {
  TrainedOptions o{.rows = random_rows(12, 4)};
  o.adapters.resize(3);
  for (size_t i = 0; i < 3; ++i) {
    o.adapters[i].name = std::to_string(i);
    o.adapters[i].rank = 4 << i;
    o.adapters[i].dropout = 0.1 * static_cast<double>(i);
  }
  return o;
}

// Two passes, so that buffers hold what an earlier one left.
Pass pass_of(const Model& base, const model::Transformer& transformer, const TrainedOptions& o,
             const model::RecomputeLevels& levels, bool kept_layouts = false) {
  Trained run = prepare(base, o);
  const train::TrainRows rows = rows_of(o.rows);
  model::TrainingPass pass(transformer, train::ranks_of(transformer, run.learners), false, levels,
                           kept_layouts);
  std::vector<train::Learner*> learners;
  for (const auto& learner : run.learners) learners.push_back(learner.get());
  Pass out;
  for (uint64_t step = 1; step <= 2; ++step) {
    train::MicroBatch micro;
    for (int64_t i = 0; i < 6; ++i) micro.rows.push_back(static_cast<int64_t>(step - 1) * 6 + i);
    const train::Batch batch(rows, micro, learners, 0.1, step, true);
    const Tensor losses = run_pass(pass, transformer, batch);
    out.losses.insert(out.losses.end(), losses.data<float>(), losses.data<float>() + losses.numel());
  }
  for (const train::Learner* learner : learners)
    out.gradients.push_back(values_of(learner->parameters.gradients));
  return out;
}

class Recompute : public ::testing::TestWithParam<std::tuple<std::string, std::string, std::string>> {};

TEST_P(Recompute, EveryLevelGivesTheSameBits) {
  const auto& [type, dtype, quantize] = GetParam();
  const Model base = small(type, dtype, quantize);
  const auto& transformer = *base.impl()->transformer;
  for (const std::vector<std::string>& targets : {std::vector<std::string>{"all-linear"},
                                                  {"down_proj"},
                                                  {"layers.1.self_attn.o_proj", "layers.3.mlp.up_proj"}}) {
    TrainedOptions o = options();
    for (LoraOptions& a : o.adapters) a.target_modules = targets;
    const Pass expected = pass_of(base, transformer, o, {});
    for (const model::RecomputeLevels& levels : {model::RecomputeLevels{1, 1, 1, 1},
                                                 {2, 2, 2, 2},
                                                 {3, 3, 3, 3},
                                                 {3, 2, 1, 0},
                                                 {0, 1, 2, 3},
                                                 {0, 3, 0, 1}}) {
      const Pass got = pass_of(base, transformer, o, levels);
      EXPECT_EQ(got.losses, expected.losses);
      EXPECT_EQ(got.gradients, expected.gradients) << levels[0] << levels[1] << levels[2] << levels[3];
    }
  }
}

// A backend that only forwards takes all rows through every op.
TEST_P(Recompute, PiecesOfRowsGiveTheSameBits) {
  const auto& [type, dtype, quantize] = GetParam();
  const Model base = small(type, dtype, quantize);
  const auto& transformer = *base.impl()->transformer;
  ASSERT_LT(transformer.backend().working_rows(600), 600);
  const model::Decoder whole(base.config(), std::make_shared<ops::ForwardingBackend>(base.impl()->backend),
                             transformer.weights(), base.impl()->read_digest);
  for (const model::RecomputeLevels& levels : {model::RecomputeLevels{}, {3, 2, 1, 0}}) {
    TrainedOptions o = options();
    o.rows = random_rows(12, 4, 128);
    const Pass expected = pass_of(base, whole, o, levels), got = pass_of(base, transformer, o, levels);
    EXPECT_EQ(got.losses, expected.losses);
    EXPECT_EQ(got.gradients, expected.gradients);
  }
}

TEST_P(Recompute, ASecondLayoutOfWeightsGivesTheSameBits) {
  const auto& [type, dtype, quantize] = GetParam();
  const Model base = small(type, dtype, quantize);
  const auto& transformer = *base.impl()->transformer;
  const size_t before = transformer.weights().nbytes();
  const Pass made = pass_of(base, transformer, options(), {});
  const size_t head_alone = transformer.weights().nbytes();
  const Pass kept = pass_of(base, transformer, options(), {3, 2, 1, 0}, true);
  EXPECT_EQ(made.losses, kept.losses);
  EXPECT_EQ(made.gradients, kept.gradients);
  if (quantize != "none") return;  // has none
  EXPECT_LT(head_alone - before, before / 2);
  EXPECT_GT(transformer.weights().nbytes(), head_alone);
}

INSTANTIATE_TEST_SUITE_P(Bases, Recompute,
                         ::testing::Values(std::tuple("llama", "float32", "none"),
                                           std::tuple("qwen3", "bfloat16", "none"),
                                           std::tuple("llama", "bfloat16", "int8")));

// Between the loss and the next batch's embedding every product of `linear` is a recomputed one.
class FaultyAgain final : public ops::ForwardingBackend {
 public:
  FaultyAgain(std::shared_ptr<Backend> inner, bool seed) : ForwardingBackend(std::move(inner)), seed_(seed) {}
  void embedding(std::span<const int32_t> ids, const ops::PackedWeight& table, const Tensor& y) override {
    again_ = false;
    inner_->embedding(ids, table, y);
  }
  void cross_entropy(const Tensor& h, const ops::PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override {
    again_ = true;
    inner_->cross_entropy(h, head, targets, weights, losses, dh, dhead);
  }
  void linear(const Tensor& x, const ops::PackedWeight& w, const Tensor& bias,
              std::span<const ops::LoraSegment> segments, const Tensor& s, const Tensor& y) override {
    std::vector<ops::LoraSegment> wrong(segments.begin(), segments.end());
    for (ops::LoraSegment& segment : wrong) segment.dropout_seed += again_;
    if (again_) ++times;
    inner_->linear(x, w, bias, again_ && !seed_ ? std::span<const ops::LoraSegment>() : wrong, s, y);
  }
  int times = 0;

 private:
  bool seed_, again_ = false;
};

TEST(Recompute, AnotherSeedAndAForgottenAdapterAreSeen) {
  const Model base = small("llama", "float32", "none");
  const TrainedOptions o = options();
  const Pass expected = pass_of(base, *base.impl()->transformer, o, {});
  for (const bool seed : {true, false})
    for (const int level : {1, 2, 3}) {
      const auto faulty = std::make_shared<FaultyAgain>(base.impl()->backend, seed);
      const model::Decoder decoder(base.config(), faulty, base.impl()->transformer->weights(),
                                   base.impl()->read_digest);
      const Pass got = pass_of(base, decoder, o, {level, level, level, level});
      EXPECT_GT(faulty->times, 0);
      EXPECT_NE(got.gradients, expected.gradients) << level << seed;
      EXPECT_EQ(got.losses, expected.losses);
    }
}

TEST(Recompute, ABudgetIsKeptAndTheLeastIsNamed) {
  const Model base = small("llama", "float32", "none");
  TrainedOptions o = options();
  const auto plan = [&](int64_t budget) {
    o.train.memory_budget_bytes = budget;
    return train::make_plan(*base.impl()->transformer, prepare(base, o).learners, rows_of(o.rows), o.train);
  };
  const TrainPlan free = plan(0);
  EXPECT_TRUE(free.recompute_levels.empty());
  EXPECT_EQ(free.recomputed_flops_ratio, 0);
  std::string message;
  try {
    plan(1);
  } catch (const std::invalid_argument& error) {
    message = error.what();
  }
  ASSERT_NE(message.find("memory_budget_bytes 1 cannot be met"), std::string::npos) << message;
  const int64_t least = std::stoll(message.substr(message.rfind(' ') + 1));
  ASSERT_LT(least, static_cast<int64_t>(free.memory_bytes));
  double before = 0;
  for (int part = 0; part <= 4; ++part) {
    const auto budget = least + (static_cast<int64_t>(free.memory_bytes) - 1 - least) * (4 - part) / 4;
    const TrainPlan p = plan(budget);
    EXPECT_LE(static_cast<int64_t>(p.memory_bytes), budget);
    EXPECT_EQ(p.recompute_levels.size(), 4u);
    EXPECT_GE(p.recomputed_flops_ratio, before);
    before = p.recomputed_flops_ratio;
  }
  EXPECT_GT(before, 0);
  EXPECT_LT(before, 1);
  EXPECT_THROW(plan(least - 1), std::invalid_argument);
}

// Few tokens keep the second layouts, many do not, and a budget gives them up before anything is computed
// again.
TEST(Recompute, SecondLayoutsAreTheFirstToGo) {
  const Model base = small("llama", "float32", "none");
  TrainedOptions o = options();
  o.adapters.resize(1);
  o.train.max_length = 64;
  const auto plan = [&](int64_t batch_size, int64_t budget) {
    o.train.batch_size = batch_size;
    o.train.memory_budget_bytes = budget;
    return train::make_plan(*base.impl()->transformer, prepare(base, o).learners, rows_of(o.rows), o.train);
  };
  const TrainPlan few = plan(1, 0);
  EXPECT_TRUE(few.kept_layouts);
  const TrainPlan less = plan(1, static_cast<int64_t>(few.memory_bytes) - 1);
  EXPECT_FALSE(less.kept_layouts);
  EXPECT_TRUE(less.recompute_levels.empty());
  EXPECT_LT(less.memory_bytes, few.memory_bytes);
  EXPECT_LT(less.weight_bytes, few.weight_bytes);
  EXPECT_NE(few.to_json().find("\"kept_layouts\": true"), std::string::npos) << few.to_json();
  o.rows = random_rows(64, 4);
  const TrainPlan many = plan(64, 0);
  EXPECT_FALSE(many.kept_layouts);
  EXPECT_EQ(many.weight_bytes, less.weight_bytes);
}

TEST(Recompute, CodesHaveNoSecondLayoutToKeep) {
  const Model base = small("llama", "bfloat16", "int8");
  TrainedOptions o = options();
  o.adapters.resize(1);  // so few tokens that layouts would be kept
  o.train.batch_size = 1;
  EXPECT_FALSE(
      train::make_plan(*base.impl()->transformer, prepare(base, o).learners, rows_of(o.rows), o.train)
          .kept_layouts);
}

TEST(Recompute, AResumedRunMayHaveAnotherBudget) {
  const Model base = small("llama", "float32", "none");
  base::TemporaryFolder folder;
  TrainedOptions o = options();
  o.train.max_steps = 4;
  o.train.batch_size = 1;
  o.train.max_length = 64;
  const Trained whole = fit(base, o);
  o.train.checkpoint_dir = folder.path() + "/run";
  const TrainPlan free =
      train::make_plan(*base.impl()->transformer, prepare(base, o).learners, rows_of(o.rows), o.train);
  o.callback = [](const Progress& p) { return p.step < 2; };
  fit(base, o);
  o.callback = {};
  o.train.resume = true;
  o.train.memory_budget_bytes = static_cast<int64_t>(free.memory_bytes - free.activation_bytes / 4);
  const Trained resumed = fit(base, o);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(resumed.digest(i), whole.digest(i));
}

// The cheapest of all choices, against trying every one.
TEST(Recompute, TheChoiceIsTheCheapestThatFits) {
  const double bytes[] = {0, 40, 25, 12}, price[] = {0, 30, 14, 20};
  const auto sum = [](const double* of, const model::RecomputeLevels& levels) {
    double total = 0;
    for (const int level : levels)
      for (int i = 1; i <= level; ++i) total += of[i];
    return total;
  };
  for (double wanted = 0; wanted <= 5 * 77; wanted += 7) {
    const auto fits = [&](const model::RecomputeLevels& l) { return sum(bytes, l) >= wanted; };
    const auto cost = [&](const model::RecomputeLevels& l) { return sum(price, l); };
    double least = 1e9;
    for (size_t a = 0; a <= 5; ++a)
      for (size_t b = 0; b <= a; ++b)
        for (size_t c = 0; c <= b; ++c)
          if (const auto l = train::levels_of(1, 6, a, b, c); fits(l)) least = std::min(least, cost(l));
    const auto chosen = train::choose_levels(1, 6, fits, cost);
    EXPECT_TRUE(fits(chosen));
    EXPECT_EQ(cost(chosen), least) << wanted;
  }
}

}  // namespace
}  // namespace whorl
