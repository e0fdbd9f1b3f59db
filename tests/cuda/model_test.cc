// A whole model on the CUDA backend: its logits and its training, over the emulation of blocks
// and threads. Device memory is closed to the host there, so that whatever above the contract looks into it
// falls.
#include <gtest/gtest.h>

#include <filesystem>

#include "cuda/counted.h"
#include "ops/device.h"
#include "ops/library_folders.h"
#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

class OnCuda : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    // The CPU that answers are compared with multiplies float32: one with products of bfloat16 rounds rows to
    // them.
    setenv("WHORL_ISA", "generic", 1);
    setenv("WHORL_CUDA_ATTENTION", "float32", 1);
    ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
    path = model_folder(GetParam(), folder.path() + "/model").string();
  }
  void TearDown() override { unsetenv("WHORL_ISA"), unsetenv("WHORL_CUDA_ATTENTION"); }
  Model load(const std::string& device, const std::string& quantize = "none") {
    return Model::load(path, {.device = device, .quantize = quantize});
  }

  base::TemporaryFolder folder;
  std::string path;
};

TEST_P(OnCuda, LogitsAreThoseOfTransformers) {
  const auto golden = golden_tensors(GetParam());
  const Model model = load("cuda_emulated");
  EXPECT_EQ(model.device(), "cuda_emulated");
  EXPECT_LE(max_error(model.logits(ids_of(golden.tensor("ids"))), values_of(golden.tensor("logits"))), 1e-4);
}

// Attention as it is unless float32 is asked for: no farther from float64 than transformers' own bfloat16.
TEST_P(OnCuda, LogitsOnTensorCoresAreNoWorseThanTransformersBfloat16) {
  const auto golden = golden_tensors(GetParam());
  const auto ids = ids_of(golden.tensor("ids"));
  const auto plain = load("cuda_emulated").logits(ids);
  unsetenv("WHORL_CUDA_ATTENTION");
  const auto exact = values_of(golden.tensor("logits_float64")),
             theirs = values_of(golden.tensor("logits_bfloat16")), ours = load("cuda_emulated").logits(ids);
  EXPECT_NE(ours, plain);
  EXPECT_LE(max_error(ours, exact), max_error(theirs, exact));
  EXPECT_LE(rms_error(ours, exact), rms_error(theirs, exact));
}

TEST_P(OnCuda, APrefixHasTheBitsOfTheWhole) {
  unsetenv("WHORL_CUDA_ATTENTION");
  const Model model = load("cuda_emulated");
  const auto ids = ids_of(golden_tensors(GetParam()).tensor("ids"));
  const auto whole = model.logits(ids);
  for (const size_t n : {size_t{1}, size_t{5}, ids.size() - 1}) {
    const auto part = model.logits({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n)});
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin())) << n;
  }
}

// Sums have another order here, so a number of a row that lies between two codes may be rounded the other
// way: from there on logits move, by much less than rounding moves them. A wrong code or scale moves them
// all.
TEST_P(OnCuda, RoundedWeightsAnswerAsOnTheCpu) {
  const auto ids = ids_of(golden_tensors(GetParam()).tensor("ids"));
  const auto plain = load("cpu").logits(ids);
  const size_t width = plain.size() / ids.size();
  for (const char* quantize : {"int8", "int4"}) {
    const auto found = load("cuda_emulated", quantize).logits(ids),
               wanted = load("cpu", quantize).logits(ids);
    EXPECT_LE(max_error(found, wanted), 0.1 * max_error(plain, wanted)) << quantize;
    const auto first = [&](const std::vector<float>& x) {
      return std::vector<float>(x.begin(), x.begin() + width);
    };
    EXPECT_LE(max_error(first(found), first(wanted)), 1e-3) << quantize;
  }
}

void expect_near(const std::vector<double>& got, const std::vector<double>& want, double limit) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t step = 0; step < got.size(); ++step) EXPECT_LE(relative(got[step], want[step]), limit) << step;
}

// Two adapters in one pass, dropout and accumulation with them; then all weights. Attention in float32, and
// rounded.
TEST_P(OnCuda, TrainingFollowsTheCpu) {
  TrainOptions o;
  o.max_steps = 3, o.max_length = 32, o.batch_size = 2;
  const std::vector<LoraOptions> adapters = {{.name = "a", .rank = 4, .dropout = 0.1},
                                             {.name = "b", .rank = 8, .learning_rate = 1e-3}};
  const auto rows = random_rows(6, 4, 24);
  const TrainedOptions lora = {
      .train = o, .adapters = adapters, .rows = rows, .valid = random_rows(2, 9, 16)};
  const TrainedOptions all = {.train = o, .adapters = {}, .rows = rows};
  const Trained cpu = fit(load("cpu"), lora);
  const auto all_on_cpu = fit_all(load("cpu"), all, 1e-3, 0.1).losses(0);
  for (const double limit : {1e-4, 1e-3}) {
    const Trained cuda = fit(load("cuda_emulated"), lora);
    for (size_t i = 0; i < adapters.size(); ++i) expect_near(cuda.losses(i), cpu.losses(i), limit);
    expect_near(fit_all(load("cuda_emulated"), all, 1e-3, 0.1).losses(0), all_on_cpu, limit);
    unsetenv("WHORL_CUDA_ATTENTION");
  }
}

// 'auto' where the GPU is there and too small; 'cuda' has no such way out.
TEST_P(OnCuda, AutoGoesOnWithTheCpuWhereTheModelDoesNotFit) {
  std::filesystem::create_symlink(WHORL_EMULATED_LIBRARY, folder.path() + "/libwhorl_cuda.so");
  ops::first_library_folder(folder.path());
  EXPECT_EQ(load("auto").device(), "cuda_emulated");
  setenv("WHORL_EMULATED_MEMORY", "10000", 1);
  EXPECT_TRUE(load("auto").device().starts_with("cpu"));
  EXPECT_THROW(load("cuda"), ops::DeviceMemoryError);
  unsetenv("WHORL_EMULATED_MEMORY");
  ops::first_library_folder("");
}

Model toy_on_cuda() {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  return Model::create(toy_model().config(), 3, {}, {.device = "cuda_emulated"});
}

TEST(TrainingOnCuda, AStepThatIsNotFiniteLeavesAllAdaptersAlone) { expect_nothing_kept(toy_on_cuda()); }

// How often the host has stood still for the emulated device.
int64_t waits() { return counted("waits"); }

int64_t waits_of(int64_t steps, size_t adapters, int64_t micro_batches) {
  const Model base = toy_on_cuda();
  TrainedOptions o{.rows = random_rows(30, 3, 10)};
  o.train.max_steps = steps, o.train.batch_size = 1, o.train.max_length = 10;
  o.train.gradient_accumulation_steps = micro_batches;
  o.adapters.resize(adapters);
  for (size_t i = 0; i < adapters; ++i) o.adapters[i].name = std::to_string(i);
  Trained run = prepare(base, o);
  const int64_t before = waits();
  go(base, o, *base.impl()->transformer, run.learners);
  return waits() - before;
}

// For all its losses and norms together, whatever there is of them; and for nothing around the steps.
TEST(TrainingOnCuda, AStepWaitsOnce) {
  for (const size_t adapters : {size_t{1}, size_t{3}})
    for (const int64_t micro_batches : {1, 4})
      for (const int64_t steps : {1, 3})
        EXPECT_EQ(waits_of(steps, adapters, micro_batches), steps) << adapters << " " << micro_batches;
}

INSTANTIATE_TEST_SUITE_P(Families, OnCuda, ::testing::Values("llama", "qwen3", "mistral"),
                         [](const auto& c) { return c.param; });

}  // namespace
}  // namespace whorl
