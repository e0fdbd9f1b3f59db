// A whole model whose linears are FP8, on emulated devices that multiply FP8 with scales, without, or not at
// all: its logits, adapters trained over it, and what is refused.
#include <gtest/gtest.h>

#include <filesystem>

#include "ops/device.h"
#include "ops/library_folders.h"
#include "train/harness.h"
#include "train/train_plan.h"
#include "whorl/trainer.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

class Fp8Model : public ::testing::Test {
 protected:
  void SetUp() override {
    ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
    path = model_folder("llama", folder.path() + "/model").string();
    ids = ids_of(golden_tensors("llama").tensor("ids"));
  }
  void TearDown() override {
    for (const char* name : {"WHORL_EMULATED_PRODUCTS", "WHORL_EMULATED_FP8", "WHORL_CUDA_FEW_ROWS"})
      unsetenv(name);
  }
  // `fp8`: what the device's library has of it (emulated/products.h); "": it has no library.
  Model load(const std::string& quantize, const std::string& fp8 = "") {
    if (fp8.empty())
      unsetenv("WHORL_EMULATED_PRODUCTS");
    else
      setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
    setenv("WHORL_EMULATED_FP8", fp8.c_str(), 1);
    return Model::load(path, {.device = "cuda_emulated", .dtype = "bfloat16", .quantize = quantize});
  }
  static std::string refusal(const std::function<void()>& call) {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  }
  static bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  base::TemporaryFolder folder;
  std::string path;
  std::vector<int32_t> ids;
};

// Rounding moves logits by some per cent, more than int8 does; the way that a device has moves them by what a
// sum's last bit changes, where a number then falls on another code.
TEST_F(Fp8Model, AnswersAlikeOnEveryDevice) {
  const auto whole = load("none").logits(ids), int8 = load("int8").logits(ids), fp8 = load("fp8").logits(ids);
  const double moved = rms_error(fp8, whole), size = rms_error(whole, std::vector<float>(whole.size()));
  EXPECT_GT(moved, 2 * rms_error(int8, whole));
  EXPECT_LT(moved, 0.1 * size);
  for (const char* kind : {"scaled", "sums", "refused"})
    EXPECT_LE(rms_error(load("fp8", kind).logits(ids), fp8), 0.3 * moved) << kind;
}

TEST_F(Fp8Model, SaysHowItIsHeld) {
  const Model whole = load("none"), fp8 = load("fp8");
  EXPECT_EQ(fp8.quantize(), "fp8");
  EXPECT_EQ(fp8.impl()->read_digest->get(), whole.impl()->read_digest->get());
  const model::DecoderWeights& w = fp8.impl()->transformer->weights();
  EXPECT_EQ(w.embedding->quantize(), ops::Quantize::none);
  EXPECT_EQ(w.head->quantize(), ops::Quantize::none);
  size_t linears = 0, bytes = 0;
  for (const auto& layer : w.layers)
    for (const ops::Weight& one : layer.weights) {
      EXPECT_EQ(one->quantize(), ops::Quantize::fp8);
      linears += static_cast<size_t>(one->outputs() * one->inputs()), bytes += one->nbytes();
    }
  EXPECT_LT(bytes, linears * 3 / 2);  // small ones: scales count
  EXPECT_EQ(whole.memory_bytes() - fp8.memory_bytes(), 2 * linears - bytes);
}

TEST_F(Fp8Model, IsRefusedWhereItCannotBe) {
  const std::string cache = folder.path() + "/cache";
  EXPECT_TRUE(says(refusal([&] { Model::load(path, {.quantize = "fp8", .weights_cache = cache}); }),
                   "quantize 'fp8' needs a GPU (device 'cuda'), and the device is cpu"));
  EXPECT_TRUE(!std::filesystem::exists(cache) || std::filesystem::is_empty(cache));
  const Model fp8 = load("fp8");
  EXPECT_TRUE(says(refusal([&] { fp8.save(folder.path() + "/saved"); }), "rounded to fp8 on loading"));
}

TrainedOptions run_of(int64_t steps) {
  TrainedOptions o{.rows = random_rows(4, 4, 24)};
  o.train.max_steps = steps, o.train.max_length = 24, o.train.batch_size = 2;
  o.adapters = {{.name = "a", .rank = 4, .learning_rate = 1e-2}, {.name = "b", .rank = 8, .dropout = 0.1}};
  return o;
}

TEST_F(Fp8Model, TrainsAdapters) {
  const auto whole = fit(load("none"), run_of(8)).losses(0);
  for (const char* kind : {"", "scaled"}) {
    const auto losses = fit(load("fp8", kind), run_of(8)).losses(0);
    ASSERT_EQ(losses.size(), whole.size());
    EXPECT_LT(losses[6] + losses[7], 0.95 * (losses[0] + losses[1])) << kind;
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_LE(relative(losses[i], whole[i]), 0.03) << kind << i;
  }
}

// Whether codes are kept turned or turned in every pass is a matter of memory; and a run that was stopped
// goes on as if it had not been.
TEST_F(Fp8Model, TrainsTheSameBitsWithLessMemoryAndAfterAStop) {
  const Model base = load("fp8", "scaled");
  TrainedOptions o = run_of(4);
  const Trained free = fit(base, o);
  o.train.checkpoint_dir = folder.path() + "/run", o.train.save_steps = 1, o.train.resume = true;
  const auto plan = [&](const Model& its) {
    return train::make_plan(*its.impl()->transformer, prepare(its, o).learners, rows_of(o.rows), o.train);
  };
  const TrainPlan kept = plan(base);
  EXPECT_TRUE(kept.kept_layouts);
  const Model again = load("fp8", "scaled");
  const size_t before = again.memory_bytes();
  o.train.memory_budget_bytes = static_cast<int64_t>(kept.memory_bytes) - 1;
  EXPECT_FALSE(plan(again).kept_layouts);
  o.callback = [](const Progress& p) { return p.step < 2; };
  fit(again, o);
  o.callback = {};
  const Trained resumed = fit(again, o);
  EXPECT_EQ(again.memory_bytes(), before) << "codes were kept turned";
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(resumed.digest(i), free.digest(i));
}

}  // namespace
}  // namespace whorl
