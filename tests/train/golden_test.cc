// Gradients and ten AdamW steps against PyTorch and PEFT.
#include <gtest/gtest.h>

#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing
using model::AdapterGradients;

constexpr double kTolerance = 1e-4;

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  base::TemporaryFolder folder;
  std::string name = GetParam();
  tensor::Safetensors golden = golden_tensors(name);
  nlohmann::json index = golden_index();
  Model model = Model::load(model_folder(name, folder.path()), {.dtype = "float32"});

  std::vector<float> expected(const std::string& tensor) { return values_of(golden.tensor(tensor)); }

  TrainOptions ten_steps(bool packing) {
    TrainOptions o;
    o.max_steps = index["steps"];
    o.batch_size = 3;
    o.max_length = 64;
    o.packing = packing;
    o.lr_scheduler = "constant";
    o.max_grad_norm = index["max_grad_norm"];
    return o;
  }
  void expect_losses(const std::vector<double>& losses, const std::string& tensor) {
    const auto reference = expected(tensor);
    ASSERT_EQ(losses.size(), reference.size());
    for (size_t i = 0; i < losses.size(); ++i)
      EXPECT_LE(relative(losses[i], reference[i]), kTolerance) << "step " << i;
  }
};

class GoldenLora : public Golden {
 protected:
  adapter::LoraAdapter start = adapter::adapter_impl(Adapter::load(golden_root() / name / "adapter"));
  LoraOptions lora() {
    LoraOptions o;
    o.learning_rate = index["lora_learning_rate"];
    o.weight_decay = index["lora_weight_decay"];
    return o;
  }
};

TEST_P(GoldenLora, NamedGradientsAgreeWithPeft) {
  Trained run = prepare(model, {.adapters = {lora()}, .start = &start});
  const train::TrainRows rows = rows_of(golden_rows());
  const std::vector<train::Learner*> learners = {run.learners[0].get()};
  const train::MicroBatch micro{{0, 1, 2}, rows.inputs[0] + rows.inputs[1] + rows.inputs[2]};
  const double weight = 1.0 / static_cast<double>(rows.trained_tokens);
  int64_t trained = 0;
  for (int64_t i = 0; i < 3; ++i) trained += rows.trained(i);
  EXPECT_EQ(trained, rows.trained_tokens);
  const train::Batch batch(rows, micro, learners, weight, 0, true);
  model::TrainingPass pass(*model.impl()->transformer,
                           train::ranks_of(*model.impl()->transformer, run.learners), false);
  const Tensor losses = run_pass(pass, *model.impl()->transformer, batch);
  double loss = 0;
  for (const float x : values_of(losses)) loss += x * weight;
  EXPECT_LE(relative(loss, expected("loss")[0]), kTolerance);

  const AdapterGradients& gradients = *run.learners[0]->adapter_gradients();
  const auto& names = model.impl()->transformer->linear_names();
  int compared = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string key = "grad.base_model.model." + names[i];
    EXPECT_LE(relative_error(values_of(gradients[i].da), expected(key + ".lora_A.weight")), kTolerance)
        << names[i];
    EXPECT_LE(relative_error(values_of(gradients[i].db), expected(key + ".lora_B.weight")), kTolerance)
        << names[i];
    compared += 2;
  }
  EXPECT_EQ(compared, 28);
}

TEST_P(GoldenLora, TenStepsAgreeWithPeft) {
  for (const bool packing : {true, false}) {
    const Trained run = fit(
        model, {.train = ten_steps(packing), .adapters = {lora()}, .rows = golden_rows(), .start = &start});
    expect_losses(run.losses(0), "losses");
    const auto norms = expected("norms");
    size_t i = 0;
    for (const Progress& p : run.learners[0]->state.history) {
      if (p.event == "step") {
        EXPECT_LE(relative(p.grad_norm, norms[i++]), 1e-3);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenLora,
                         ::testing::Values("llama", "llama_rope_llama3", "mistral", "qwen2", "qwen3"),
                         [](const auto& c) { return c.param; });

class GoldenFull : public Golden {};

TEST_P(GoldenFull, TenStepsOfAllWeightsAgreeWithTorch) {
  const Trained run = fit_all(model, {.train = ten_steps(true), .adapters = {}, .rows = golden_rows()},
                              index["full_learning_rate"], index["full_weight_decay"]);
  expect_losses(run.losses(0), "full_losses");
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenFull, ::testing::Values("llama", "llama_tied", "qwen2", "qwen3"),
                         [](const auto& c) { return c.param; });

// Planted faults: what these comparisons must not let pass.
TEST(GoldenPlantedFault, MeanOfMeansIsSeen) {
  base::TemporaryFolder folder;
  const Model model = Model::load(model_folder("llama", folder.path()), {.dtype = "float32"});
  const auto golden = golden_tensors("llama");
  const auto start = adapter::adapter_impl(Adapter::load(golden_root() / "llama" / "adapter"));
  Trained run = prepare(model, {.start = &start});
  const train::TrainRows rows = rows_of(golden_rows());
  const std::vector<train::Learner*> learners = {run.learners[0].get()};
  const auto ranks = train::ranks_of(*model.impl()->transformer, run.learners);
  double mean_of_means = 0;
  model::TrainingPass pass(*model.impl()->transformer, ranks, false);
  for (int64_t r = 0; r < 3; ++r) {
    const double weight = 1.0 / static_cast<double>(3 * rows.trained(r));
    const train::Batch batch(rows, {{r}, rows.inputs[static_cast<size_t>(r)]}, learners, weight, 0, true);
    for (const float x : values_of(run_pass(pass, *model.impl()->transformer, batch)))
      mean_of_means += x * weight;
  }
  EXPECT_GT(relative(mean_of_means, values_of(golden.tensor("loss"))[0]), 10 * kTolerance);
  const auto key = "grad.base_model.model.model.layers.0.mlp.up_proj.lora_B.weight";
  const auto& gradients = *run.learners[0]->adapter_gradients();
  EXPECT_GT(relative_error(values_of(gradients[model::kUp].db), values_of(golden.tensor(key))),
            10 * kTolerance);
}

TEST(GoldenPlantedFault, AnotherRopeIsSeenInTheLosses) {
  base::TemporaryFolder folder;
  const Model model = Model::load(model_folder("llama", folder.path()), {.dtype = "float32"});
  const auto start = adapter::adapter_impl(Adapter::load(golden_root() / "mistral" / "adapter"));
  TrainOptions o;
  o.max_steps = 1;
  o.max_length = 64;
  const Trained run = fit(model, {.train = o, .rows = golden_rows(), .start = &start});
  EXPECT_GT(relative(run.losses(0)[0], values_of(golden_tensors("mistral").tensor("losses"))[0]),
            10 * kTolerance);
}

}  // namespace
}  // namespace whorl
