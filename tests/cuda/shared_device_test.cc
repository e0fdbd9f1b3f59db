// An engine and a trainer on one device: each sees what the other took.
#include <gtest/gtest.h>

#include "cuda/device_room.h"
#include "ops/device.h"
#include "ops/library_folders.h"
#include "train/harness.h"
#include "train/train_plan.h"
#include "whorl/inference_engine.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

Model toy_on_device() {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  return Model::create(toy_model().config(), 3, {}, {.device = "cuda_emulated"});
}

TrainedOptions work() {
  TrainedOptions o{.rows = random_rows(4, 3, 120)};
  o.train.max_steps = 2, o.train.batch_size = 2, o.train.max_length = 256;
  return o;
}

TrainPlan plan_of(const Model& base, const TrainedOptions& o) {
  const Trained run = prepare(base, o);
  return train::make_plan(*base.impl()->transformer, run.learners, rows_of(o.rows, {256, "error", "error"}),
                          o.train);
}

// What a run takes of the device before and while it computes.
size_t on_device(const TrainPlan& p) { return p.memory_bytes - p.data_bytes - p.transient_bytes; }

constexpr EngineOptions kEngine{.max_batch_size = 4, .max_step_tokens = 12, .kv_cache_bytes = 400000};

TEST(SharedDevice, ARunIsPlannedIntoWhatAnEngineLeaves) {
  const Model base = toy_on_device();
  const TrainPlan whole = plan_of(base, work());
  EXPECT_TRUE(whole.recompute_levels.empty());
  const auto wanted = parameters_of(fit(base, work()), 0);
  EngineStats stats;
  {
    const InferenceEngine engine(base, kEngine);
    stats = engine.stats();
  }
  // The engine leaves a quarter of what is kept for the way back too little.
  const Free room(on_device(whole) + stats.kv_cache_bytes + stats.step_bytes - whole.activation_bytes / 4);
  EXPECT_TRUE(plan_of(base, work()).recompute_levels.empty());
  const InferenceEngine engine(base, kEngine);
  const TrainPlan less = plan_of(base, work());
  EXPECT_FALSE(less.recompute_levels.empty());
  EXPECT_LE(on_device(less), on_device(whole) - whole.activation_bytes / 4);
  EXPECT_EQ(parameters_of(fit(base, work()), 0), wanted);
}

// What its adapters have taken already when the plan is made is part of it; their copies on the host are not.
TEST(SharedDevice, WhatLearnersHoldIsTheRunsOwn) {
  const Model base = toy_on_device();
  const TrainPlan whole = plan_of(base, work());
  ASSERT_GT(whole.optimizer_bytes, whole.adapter_bytes);
  {
    const Free room(on_device(whole));
    EXPECT_TRUE(plan_of(base, work()).recompute_levels.empty());
  }
  const Free room(on_device(whole) - whole.adapter_bytes);
  EXPECT_FALSE(plan_of(base, work()).recompute_levels.empty());
}

TEST(SharedDevice, ARunThatFindsTooLittleIsToldOfTheEngine) {
  const Model base = toy_on_device();
  const size_t wanted = on_device(plan_of(base, work()));
  const Free room(wanted);
  const auto said = [&] {
    try {
      fit(base, work());
    } catch (const ops::DeviceMemoryError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(said(), "");
  EngineOptions greedy = kEngine;
  greedy.kv_cache_bytes = wanted - 200000;
  greedy.max_batch_size = 4000;  // who could fill it
  const InferenceEngine engine(base, greedy);
  EXPECT_NE(said().find("caches of inference engines in this process hold " +
                        std::to_string(engine.stats().kv_cache_bytes)),
            std::string::npos)
      << said();
}

// What a trainer holds is not there for an engine that comes second.
TEST(SharedDevice, AnEngineSeesWhatATrainerHolds) {
  const Model base = toy_on_device();
  const Free room(8 << 20);
  const auto made = [&] { return InferenceEngine(base, EngineOptions{.max_step_tokens = 12}).stats(); };
  const EngineStats alone = made();
  const size_t before = held();
  const Trained run = prepare(base, work());
  const size_t taken = held() - before;
  EXPECT_GT(taken, 0u);
  EXPECT_EQ(made().free_bytes, alone.free_bytes - taken);
}

}  // namespace
}  // namespace whorl
