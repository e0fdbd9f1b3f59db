// Several ranks train what one process trains: up to the order of additions, the same bits on all of them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "ranks/harness.h"
#include "ranks/hooked_communicator.h"
#include "train/harness.h"
#include "train/shares.h"
#include "train/train_plan.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

class Ranks : public ::testing::Test {
 protected:
  base::TemporaryFolder folder;

  static TrainedOptions options(int64_t accumulation = 1, int64_t steps = 8) {
    TrainedOptions o{.rows = random_rows(60, 5), .valid = random_rows(9, 6)};
    o.train.max_steps = steps;
    o.train.batch_size = 3;
    o.train.gradient_accumulation_steps = accumulation;
    o.train.max_length = 64;
    o.train.warmup_steps = 3;
    o.train.eval_steps = 4;
    o.train.keep_best = true;
    o.adapters.resize(2);
    o.adapters[0].name = "a";
    o.adapters[0].dropout = 0.3;
    o.adapters[1].name = "b";
    o.adapters[1].rank = 3;
    for (LoraOptions& adapter : o.adapters) adapter.learning_rate = 1e-2;  // so that losses tell
    return o;
  }
};

// A model of its own for each rank, as processes have.
Model own_model(const std::string& type = "llama") {
  return Model::create(toy_model(type).config(), 3, {}, {.threads = 1});
}

struct Result {
  std::vector<std::string> errors;   // by rank
  std::vector<std::string> digests;  // by rank, of all adapters, the last and the best
  std::vector<double> losses, validation;
  std::vector<float> values;
};

using PerRank = std::function<void(TrainedOptions&, int)>;

// `ranks` threads; `change` makes a rank's options its own.
Result fit_together(const TrainedOptions& o, int ranks, const PerRank& change = {}) {
  Result out;
  out.digests.resize(static_cast<size_t>(ranks));
  const auto one = [&](ranks::Communicator* all) {
    TrainedOptions mine = o;
    mine.ranks = all;
    const int rank = all ? all->rank() : 0;
    if (change) change(mine, rank);
    const Trained run = fit(own_model(), mine);
    std::string& digest = out.digests[static_cast<size_t>(rank)];
    for (size_t i = 0; i < run.learners.size(); ++i) digest += run.digest(i, false) + run.digest(i, true);
    if (rank != 0) return;
    out.losses = run.losses(0);
    out.validation = run.losses(0, "validation");
    out.values = values_of(run.learners[0]->parameters.values);
  };
  if (ranks == 1)
    one(nullptr);
  else
    out.errors = run_ranks(places(ranks), [&](ranks::Communicator& all) { one(&all); });
  return out;
}

void expect_no_errors(const Result& result) {
  for (const std::string& error : result.errors) EXPECT_EQ(error, "");
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) most = std::max(most, relative(a[i], b[i]));
  return most;
}

void expect_as_alone(const Result& together, const Trained& alone) {
  EXPECT_LE(largest_difference(together.losses, alone.losses(0)), 1e-5);
  EXPECT_LE(largest_difference(together.validation, alone.losses(0, "validation")), 1e-5);
  EXPECT_LE(relative_error(together.values, values_of(alone.learners[0]->parameters.values)), 1e-4);
}

TEST_F(Ranks, TrainWhatOneProcessTrains) {
  for (const int64_t accumulation : {1, 2, 4}) {  // rows are shared; micro-batches too; both
    const Trained alone = fit(own_model(), options(accumulation));
    for (const int ranks : {2, 3}) {
      const Result together = fit_together(options(accumulation), ranks);
      expect_no_errors(together);
      expect_as_alone(together, alone);
      for (const std::string& digest : together.digests) EXPECT_EQ(digest, together.digests[0]);
    }
  }
}

TEST_F(Ranks, GiveTheSameBitsEveryTime) {
  const Result first = fit_together(options(2), 3), second = fit_together(options(2), 3);
  expect_no_errors(first);
  EXPECT_EQ(first.digests, second.digests);
}

// Gradients of ranks are dropped, or counted twice, on their way.
TEST_F(Ranks, PlantedFaultsInTheSumChangeTheLosses) {
  const Trained alone = fit(own_model(), options());
  for (const float factor : {0.0f, 2.0f}) {
    std::vector<double> losses;
    std::vector<float> values;
    run_ranks(places(2), [&](ranks::Communicator& all) {
      HookedCommunicator faulty(all, times(all, factor));
      auto mine = options();
      mine.ranks = &faulty;
      const Trained run = fit(own_model(), mine);
      if (all.rank() != 0) return;
      losses = run.losses(0);
      values = values_of(run.learners[0]->parameters.values);
    });
    EXPECT_GT(largest_difference(losses, alone.losses(0)), 1e-4);
    EXPECT_GT(relative_error(values, values_of(alone.learners[0]->parameters.values)), 1e-2);
  }
}

// A part of a micro-batch draws the dropout of the whole; one that began anew would train another adapter.
TEST_F(Ranks, PartsOfAMicroBatchAreDroppedAsTheWhole) {
  const Model base = own_model();
  TrainedOptions o = options();
  o.adapters.resize(1);
  Trained run = prepare(base, o);
  const train::TrainRows rows = rows_of(o.rows);
  std::vector<train::Learner*> learners = {run.learners[0].get()};
  const model::Transformer& transformer = *base.impl()->transformer;
  model::TrainingPass pass(transformer, train::ranks_of(transformer, run.learners), false);
  train::MicroBatch whole{{0, 1, 2, 3, 4}, 0};
  for (const int64_t r : whole.rows) whole.tokens += rows.inputs[static_cast<size_t>(r)];
  const auto gradients = [&](int64_t ranks, bool spoil) {
    transformer.backend().fill_zero(learners[0]->parameters.gradients);
    for (int64_t rank = 0; rank < ranks; ++rank)
      for (const train::Share& share : train::share_of({whole}, rows.inputs, rank, ranks)) {
        const train::Batch batch(rows, share.batch, learners, 0.01, 5, true, spoil ? 0 : share.first_token);
        run_pass(pass, transformer, batch);
      }
    return values_of(learners[0]->parameters.gradients);
  };
  const auto alone = gradients(1, false);
  EXPECT_LE(relative_error(gradients(2, false), alone), 1e-5);
  EXPECT_LE(relative_error(gradients(3, false), alone), 1e-5);
  EXPECT_GT(relative_error(gradients(2, true), alone), 1e-3) << "planted fault";
}

TEST_F(Ranks, TrainAllWeightsToo) {
  auto o = options(1, 4);
  o.adapters = {};
  o.train.keep_best = false;
  const Trained alone = fit_all(own_model("qwen2"), o, 1e-3, 0.1);
  std::vector<std::vector<float>> values(2);
  const auto errors = run_ranks(places(2), [&](ranks::Communicator& all) {
    auto mine = o;
    mine.ranks = &all;
    const Trained run = fit_all(own_model("qwen2"), mine, 1e-3, 0.1);
    values[static_cast<size_t>(all.rank())] = values_of(run.learners[0]->parameters.values);
    EXPECT_LE(largest_difference(run.losses(0), alone.losses(0)), 1e-5);
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
  EXPECT_EQ(values[0], values[1]);
  EXPECT_LE(relative_error(values[0], values_of(alone.learners[0]->parameters.values)), 1e-4);
}

// A token whose embedding is not a number stands in one row, so in the share of one rank. All say so, and
// none keeps anything of the step.
TEST_F(Ranks, WhatIsNotFiniteOnOneEndsAllBeforeTheStep) {
  constexpr int32_t kBad = 127;
  auto o = options();
  for (auto* rows : {&o.rows, &o.valid})
    for (EncodedRow& row : *rows) std::replace(row.ids.begin(), row.ids.end(), kBad, 1);
  o.rows[7].ids[1] = kBad;
  const auto run = [&](ranks::Communicator& all, const ProgressCallback& callback, std::string& error) {
    const Model base = own_model();
    ops::PackedWeight& table = *base.impl()->transformer->weights().embedding;
    const Tensor values = base.impl()->backend->unpack(table);
    values.data<float>()[kBad * values.dim(1)] = std::numeric_limits<float>::quiet_NaN();
    base.impl()->backend->repack(table, values);
    auto mine = o;
    mine.ranks = &all, mine.callback = callback;
    Trained trained = prepare(base, mine);
    try {
      go(base, mine, *base.impl()->transformer, trained.learners);
    } catch (const std::runtime_error& e) {
      error = e.what();
    }
    return std::vector{parameters_of(trained, 0), parameters_of(trained, 1)};
  };
  std::vector<std::vector<std::vector<float>>> failed(2), stopped(2);
  std::vector<std::string> errors(2), none(2);
  std::vector<int64_t> steps(2);
  run_ranks(places(2), [&](ranks::Communicator& all) {
    const auto rank = static_cast<size_t>(all.rank());
    failed[rank] = run(all, [&](const Progress& p) { return steps[rank] = p.step, true; }, errors[rank]);
  });
  ASSERT_GT(steps[0], 0);
  run_ranks(places(2), [&](ranks::Communicator& all) {
    const auto rank = static_cast<size_t>(all.rank());
    stopped[rank] = run(all, [&](const Progress& p) { return p.step < steps[rank]; }, none[rank]);
  });
  EXPECT_EQ(none, std::vector<std::string>(2));
  for (size_t rank = 0; rank < 2; ++rank) {
    EXPECT_CONTAINS(errors[rank], "step " + std::to_string(steps[0] + 1) + ", 'a': the loss is not finite");
    EXPECT_EQ(failed[rank], stopped[0]);
  }
}

// The others have no folder to read from: what a checkpoint holds comes from rank 0.
TEST_F(Ranks, ACheckpointGoesOnWithAnyNumberOfThem) {
  const Trained alone = fit(own_model(), options(2, 12));
  for (const std::vector<int>& numbers : {std::vector<int>{1, 2, 1}, {2, 1}, {3, 2}}) {
    base::TemporaryFolder own;
    auto o = options(2, 12);
    o.train.checkpoint_dir = own.path() + "/checkpoints";
    o.train.resume = true;
    Result last;
    for (size_t part = 0; part < numbers.size(); ++part) {
      const bool end = part + 1 == numbers.size();
      const int64_t stop = 4 * static_cast<int64_t>(part) + 5;
      o.callback = [&](const Progress& p) { return end || p.step < stop; };
      last = fit_together(o, numbers[part], [&](TrainedOptions& mine, int rank) {
        if (rank > 0) mine.train.checkpoint_dir = own.path() + "/none";
      });
      expect_no_errors(last);
    }
    expect_as_alone(last, alone);
    EXPECT_FALSE(std::filesystem::exists(own.path() + "/none"));
    for (const std::string& digest : last.digests) EXPECT_EQ(digest, last.digests[0]);
  }
}

TEST_F(Ranks, AStoppedRunGoesOnToTheSameBitsWithAsMany) {
  const Result whole = fit_together(options(2, 10), 2);
  auto o = options(2, 10);
  o.train.checkpoint_dir = folder.path() + "/checkpoints";
  o.train.resume = true;
  o.callback = [](const Progress& p) { return p.step < 5; };
  expect_no_errors(fit_together(o, 2));
  o.callback = {};
  const Result resumed = fit_together(o, 2);
  expect_no_errors(resumed);
  EXPECT_EQ(resumed.digests, whole.digests);
  EXPECT_EQ(resumed.losses, whole.losses);
}

TEST_F(Ranks, OnlyTheFirstWritesFiles) {
  expect_no_errors(fit_together(options(), 2, [&](TrainedOptions& o, int rank) {
    const std::string own = folder.path() + "/" + std::to_string(rank);
    o.train.metrics_file = own + "/metrics.jsonl";
    o.train.checkpoint_dir = own + "/checkpoints";
    o.train.save_steps = 2;
  }));
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/0/metrics.jsonl"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/0/checkpoints/checkpoint.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/1"));
}

TEST_F(Ranks, AnyOfThemStopsAllAtTheSameStep) {
  for (const int who : {0, 2}) {
    std::vector<int64_t> steps(3);
    const Result result = fit_together(options(), 3, [&](TrainedOptions& o, int rank) {
      o.callback = [&steps, rank, who](const Progress& p) {
        steps[static_cast<size_t>(rank)] = p.step;
        return rank != who || p.step < 3;
      };
    });
    expect_no_errors(result);
    EXPECT_EQ(steps, (std::vector<int64_t>{3, 3, 3}));
    EXPECT_EQ(result.losses.size(), 3u);
  }
}

TEST_F(Ranks, AnotherRunIsRefusedByName) {
  const std::vector<std::pair<std::function<void(TrainedOptions&)>, std::string>> table = {
      {[](TrainedOptions& o) { o.train.seed = 8; }, "options.seed"},
      {[](TrainedOptions& o) { o.adapters[1].rank = 4; }, "learners[1].rank"},
      {[](TrainedOptions& o) { o.rows[3].ids[1] ^= 1; }, "train_data"},
      {[](TrainedOptions& o) { o.valid.pop_back(); }, "validation_data"}};
  for (const auto& [spoil, expected] : table) {
    const Result result = fit_together(options(), 3, [&spoil = spoil](TrainedOptions& o, int rank) {
      if (rank == 2) spoil(o);
    });
    for (const std::string& error : result.errors) {
      EXPECT_CONTAINS(error, "rank 2 of 3 trains another run than rank 0");
      EXPECT_CONTAINS(error, expected);
    }
  }
}

TEST_F(Ranks, AnErrorOfOneEndsAll) {
  const Result result = fit_together(options(), 3, [](TrainedOptions& o, int rank) {
    if (rank != 1) return;
    o.callback = [](const Progress& p) -> bool {
      if (p.step == 2) throw std::runtime_error("the host program failed");
      return true;
    };
  });
  EXPECT_EQ(result.errors[1], "the host program failed");
  for (const size_t rank : {0, 2})
    EXPECT_CONTAINS(result.errors[rank], "rank 1 of 3 failed: the host program failed");
}

TEST_F(Ranks, MoreThanThereIsWorkForIsRefused) {
  auto o = options();
  o.rows.resize(2);
  const Result result = fit_together(o, 3);
  for (const std::string& error : result.errors)
    EXPECT_CONTAINS(error,
                    "3 ranks cannot share this run: no optimizer step has work for more than 2; raise");
}

TEST_F(Ranks, EachHoldsLessThanOneProcess) {
  const Model base = own_model();
  auto o = options();
  o.train.batch_size = 12;
  Trained run = prepare(base, o);
  const train::TrainRows rows = rows_of(o.rows);
  const auto plan = [&] {
    return train::make_plan(*base.impl()->transformer, run.learners, rows, o.train, nullptr, "[test]");
  };
  const TrainPlan alone = plan();
  o.train.distributed = true;
  setenv("WORLD_SIZE", "3", 1), setenv("RANK", "0", 1);
  setenv("MASTER_ADDR", "localhost", 1), setenv("MASTER_PORT", "1", 1);
  const TrainPlan shared = plan();
  for (const char* name : {"WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"}) unsetenv(name);
  EXPECT_EQ(alone.ranks, 1);
  EXPECT_EQ(shared.ranks, 3);
  EXPECT_EQ(shared.steps, alone.steps);
  EXPECT_LT(static_cast<double>(shared.activation_bytes), 0.45 * static_cast<double>(alone.activation_bytes));
  EXPECT_THROW(plan(), std::invalid_argument);
}

}  // namespace
}  // namespace whorl
