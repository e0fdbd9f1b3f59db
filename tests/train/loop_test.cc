// Equalities that must hold whatever the numbers are: packing, accumulation, neighbours, dropout, threads.
#include <gtest/gtest.h>

#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

TrainOptions small_steps() {
  TrainOptions o;
  o.max_steps = 6;
  o.batch_size = 4;
  o.max_length = 64;
  o.warmup_steps = 2;
  return o;
}

std::vector<float> gradients_of(const Model& base, const std::vector<std::vector<int64_t>>& groups, bool all,
                                const std::vector<EncodedRow>& data) {
  TrainedOptions o{.rows = data};
  Trained run = prepare(base, o);
  const train::TrainRows rows = rows_of(data);
  std::vector<train::Learner*> learners = {run.learners[0].get()};
  std::unique_ptr<train::WeightLearner> weights;
  if (all) {
    weights = std::make_unique<train::WeightLearner>(base, 1e-3, 0);
    learners = {weights.get()};
  }
  const model::Transformer& transformer = all ? weights->transformer() : *base.impl()->transformer;
  model::TrainingPass pass(transformer,
                           all ? std::vector<int64_t>{} : train::ranks_of(transformer, run.learners), all);
  for (const auto& group : groups) {
    train::MicroBatch micro{group, 0};
    for (const int64_t r : group) micro.tokens += rows.inputs[static_cast<size_t>(r)];
    const train::Batch batch(rows, micro, learners, 1.0 / static_cast<double>(rows.trained_tokens), 5, true);
    run_pass(pass, transformer, batch, learners[0]->weight_gradients());
  }
  return values_of(learners[0]->parameters.gradients);
}

// Planted fault: the same rows as one document, which is what packing with one causal mask would compute.
std::vector<EncodedRow> joined(const std::vector<EncodedRow>& rows) {
  EncodedRow out;
  for (const EncodedRow& row : rows) {
    out.ids.insert(out.ids.end(), row.ids.begin(), row.ids.end());
    out.trained.insert(out.trained.end(), row.trained.begin(), row.trained.end());
    out.trained[out.trained.size() - row.trained.size()] = 0;
  }
  return {out};
}

TEST(Packing, PackedGradientsEqualUnpackedOnes) {
  const auto data = random_rows(3, 1);
  for (const std::string type : {"llama", "qwen3"}) {
    const Model base = toy_model(type);
    for (const bool all : {false, true}) {
      const auto unpacked = gradients_of(base, {{0}, {1}, {2}}, all, data);
      EXPECT_LE(relative_error(gradients_of(base, {{0, 1, 2}}, all, data), unpacked), 1e-5) << type << all;
      EXPECT_GT(relative_error(gradients_of(base, {{0}}, all, joined(data)), unpacked), 1e-3)
          << "planted fault";
    }
  }
}

TEST(Accumulation, EightTimesOneEqualsOneTimesEight) {
  const Model base = toy_model();
  TrainedOptions o{.train = small_steps(), .rows = random_rows(60, 2)};
  o.train.batch_size = 8;
  const Trained one = fit(base, o);
  o.train.batch_size = 1;
  o.train.gradient_accumulation_steps = 8;
  const Trained eight = fit(base, o);
  const auto a = one.losses(0), b = eight.losses(0);
  ASSERT_EQ(a.size(), 6u);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_LE(relative(a[i], b[i]), 1e-5) << i;
  EXPECT_LE(relative_error(values_of(one.learners[0]->parameters.values),
                           values_of(eight.learners[0]->parameters.values)),
            1e-3);
}

std::vector<LoraOptions> three_adapters() {
  std::vector<LoraOptions> out(3);
  out[0].name = "a";
  out[1].name = "b";
  out[1].rank = 4;
  out[1].learning_rate = 1e-3;
  out[1].use_rslora = true;
  out[1].dropout = 0.1;
  out[2].name = "c";
  out[2].rank = 2;
  out[2].seed = 9;
  out[2].target_modules = {"q_proj", "down_proj"};
  out[2].dropout = 0.3;
  return out;
}

TEST(ManyAdapters, EachGetsTheBitsThatItGetsAlone) {
  for (const std::string dtype : {"float32", "bfloat16"}) {
    const Model base = toy_model("qwen3", dtype);
    TrainedOptions o{.train = small_steps(),
                     .adapters = three_adapters(),
                     .rows = random_rows(40, 3),
                     .valid = random_rows(8, 4)};
    o.train.gradient_accumulation_steps = 2;
    o.train.max_grad_norm = 0.5;
    const Trained together = fit(base, o);
    for (size_t i = 0; i < 3; ++i) {
      TrainedOptions alone = o;
      alone.adapters = {three_adapters()[i]};
      const Trained run = fit(base, alone);
      EXPECT_EQ(run.digest(0), together.digest(i)) << dtype << " " << i;
      EXPECT_EQ(run.losses(0), together.losses(i));
      EXPECT_EQ(run.losses(0, "validation"), together.losses(i, "validation"));
    }
    EXPECT_NE(together.digest(0), together.digest(1));
  }
}

TEST(ManyAdapters, ThoseThatStopLeaveTheOthersAlone) {
  const Model base = toy_model();
  TrainedOptions o{.train = small_steps(),
                   .adapters = three_adapters(),
                   .rows = random_rows(40, 3),
                   .valid = random_rows(40, 3)};
  o.train.max_steps = 12;
  o.train.warmup_steps = 0;
  o.train.eval_steps = 1;
  o.train.early_stopping_patience = 2;
  o.adapters[1].learning_rate = 0;  // never improves
  const Trained together = fit(base, o);
  EXPECT_FALSE(together.learners[1]->state.active);
  EXPECT_EQ(together.losses(1).size(), 3u);
  EXPECT_EQ(together.learners[1]->state.history.back().event, "stopped");
  EXPECT_TRUE(together.learners[0]->state.active);
  o.adapters = {o.adapters[0]};
  EXPECT_EQ(fit(base, o).digest(0), together.digest(0));
}

TEST(Determinism, SameSeedSameBitsWhateverTheThreads) {
  ModelConfig config = toy_model().config();
  TrainedOptions o{.train = small_steps(), .adapters = three_adapters(), .rows = random_rows(40, 3)};
  const Trained one = fit(Model::create(config, 3, {}, {.threads = 1}), o);
  const Trained three = fit(Model::create(config, 3, {}, {.threads = 3}), o);
  o.train.seed = 1;
  const Trained other = fit(Model::create(config, 3, {}, {.threads = 1}), o);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(one.digest(i), three.digest(i));
    EXPECT_NE(one.digest(i), other.digest(i));
  }
}

TEST(Dropout, ChangesTheRunAndIsAFunctionOfTheSeed) {
  const Model base = toy_model();
  TrainedOptions o{.train = small_steps(), .rows = random_rows(20, 3)};
  const std::string without = fit(base, o).digest(0);
  o.adapters[0].dropout = 0.2;
  const std::string with = fit(base, o).digest(0);
  EXPECT_NE(with, without);
  EXPECT_EQ(fit(base, o).digest(0), with);
  o.adapters[0].seed = 77;
  EXPECT_NE(fit(base, o).digest(0), with);
}

TEST(Validation, HasNoDropoutAndNoEffect) {
  const Model base = toy_model();
  TrainedOptions o{.train = small_steps(), .rows = random_rows(20, 3)};
  o.adapters[0].dropout = 0.5;
  const std::string without = fit(base, o).digest(0);
  o.valid = random_rows(10, 8);
  o.train.eval_steps = 1;
  const Trained run = fit(base, o);
  EXPECT_EQ(run.digest(0), without);
  EXPECT_EQ(run.losses(0, "validation").size(), 6u);
}

TEST(Learning, TheLossFalls) {
  const Model base = toy_model();
  TrainedOptions o{.train = small_steps(), .rows = random_rows(8, 3)};
  o.train.max_steps = 60;
  o.adapters[0].learning_rate = 1e-2;
  const auto losses = fit(base, o).losses(0);
  EXPECT_LT(losses.back(), 0.95 * losses.front());  // a frozen random base can do little
  o.adapters = {};
  const auto full = fit_all(base, o, 3e-3, 0.0).losses(0);
  EXPECT_LT(full.back(), 0.5 * full.front());
}

TEST(KeepBest, GivesTheWeightsOfTheBestValidation) {
  const Model base = toy_model();
  TrainedOptions o{.train = small_steps(), .rows = random_rows(6, 3), .valid = random_rows(12, 99)};
  o.train.max_steps = 30;
  o.train.eval_steps = 1;
  o.train.keep_best = true;
  o.adapters[0].learning_rate = 3e-2;  // learns its few rows by heart, and forgets the rest
  const Trained run = fit(base, o);
  const auto losses = run.losses(0, "validation");
  const auto best = std::min_element(losses.begin(), losses.end());
  ASSERT_LT(best, losses.end() - 1) << "the run must get worse for this test to mean anything";
  EXPECT_EQ(run.learners[0]->state.best_loss, *best);
  EXPECT_NE(run.digest(0, true), run.digest(0, false));
}

TEST(Faults, ALossThatIsNotFiniteNamesTheStepAndTheAdapter) {
  const Model base = toy_model();
  TrainedOptions o{.train = small_steps(), .rows = random_rows(20, 3)};
  o.train.lr_scheduler = "constant";
  o.train.warmup_steps = 0;
  o.adapters[0].name = "wild";
  o.adapters[0].learning_rate = 1e30;
  try {
    fit(base, o);
    FAIL() << "expected an error";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("'wild'"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("not finite"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("step 2"), std::string::npos) << e.what();
  }
}

TEST(Faults, AStepThatIsNotFiniteLeavesAllAdaptersAlone) { expect_nothing_kept(toy_model()); }

TEST(Callback, CanStopAfterAStep) {
  const Model base = toy_model();
  TrainedOptions o{.train = small_steps(), .rows = random_rows(20, 3)};
  o.callback = [](const Progress& p) { return p.step < 3; };
  const Trained run = fit(base, o);
  EXPECT_EQ(run.losses(0).size(), 3u);
  EXPECT_EQ(run.learners[0]->state.history.back().event, "stopped");
}

}  // namespace
}  // namespace whorl
