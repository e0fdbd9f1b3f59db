// Training with activations in bfloat16, on the emulated device: near what float32 gives, and the same bits
// wherever a run promises them.
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "cuda/emulated_models.h"
#include "ops/device.h"
#include "train/activations.h"
#include "train/harness.h"
#include "train/train_plan.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

struct Base {
  std::string type, dtype = "bfloat16", quantize = "none";
  bool library = true;  // the emulation's stand-in for NVIDIA's
};

Model load(const Base& base, const std::string& device = "cuda_emulated") {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  if (base.library) setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
  Model model = Model::create(toy_model(base.type, base.dtype).config(), 5, {},
                              {.device = device, .quantize = base.quantize});
  unsetenv("WHORL_EMULATED_PRODUCTS");
  return model;
}

TrainedOptions options(const std::string& activation_dtype, size_t adapters = 2) {
  TrainedOptions o{.rows = random_rows(8, 4)};
  o.train.activation_dtype = activation_dtype;
  o.train.max_steps = 3, o.train.max_length = 64, o.train.batch_size = 2;
  o.adapters.resize(adapters);
  for (size_t i = 0; i < adapters; ++i) {
    LoraOptions& a = o.adapters[i];
    a.name = std::to_string(i), a.rank = 4 << i, a.learning_rate = 2e-3, a.seed = 7 + i;
    a.dropout = 0.1 * static_cast<double>(i);
  }
  return o;
}

class Narrow : public ::testing::TestWithParam<Base> {
 protected:
  Model model = load(GetParam());
};
class NarrowRun : public Narrow {};  // of fewer bases: whole runs take longer

// What one pass gives each adapter.
std::vector<std::vector<float>> gradients_of(const Model& base, const TrainedOptions& o,
                                             const model::RecomputeLevels& levels = {}) {
  const auto& transformer = *base.impl()->transformer;
  Trained run = prepare(base, o);
  // B begins at zero and A's gradient with it: a number everywhere.
  for (auto& learner : run.learners) {
    Tensor flat = Tensor::zeros(DType::float32, learner->parameters.values.shape());
    for (int64_t i = 0; i < flat.numel(); ++i)
      flat.data<float>()[i] = 0.02f * static_cast<float>(base::normal(11, static_cast<uint64_t>(i)));
    transformer.backend().upload(flat, learner->parameters.values);
    learner->refresh();
  }
  const train::TrainRows rows = rows_of(o.rows);
  model::TrainingPass pass(transformer, train::ranks_of(transformer, run.learners), false, levels, false,
                           train::activation_of(o.train));
  std::vector<train::Learner*> learners;
  for (const auto& learner : run.learners) learners.push_back(learner.get());
  train::MicroBatch micro;
  for (int64_t i = 0; i < 8; ++i) micro.rows.push_back(i);
  const train::Batch batch(rows, micro, learners, 0.1, 1, true);
  run_pass(pass, transformer, batch);
  std::vector<std::vector<float>> out;
  for (const train::Learner* learner : learners)
    out.push_back(values_of(train::to_host(transformer.backend(), learner->parameters.gradients)));
  return out;
}

TEST_P(Narrow, GradientsAreThoseOfFloat32UpToRounding) {
  const auto wide = gradients_of(model, options("float32")),
             narrow = gradients_of(model, options("bfloat16"));
  for (size_t i = 0; i < wide.size(); ++i) {
    const double size = std::sqrt(std::inner_product(wide[i].begin(), wide[i].end(), wide[i].begin(), 0.0) /
                                  static_cast<double>(wide[i].size()));
    const double error = rms_error(narrow[i], wide[i]) / size;
    EXPECT_GT(error, 1e-5) << i;
    EXPECT_LT(error, 0.03) << i;
  }
}

TEST_P(NarrowRun, TrainingFollowsFloat32) {
  const Trained wide = fit(model, options("float32")), narrow = fit(model, options("bfloat16"));
  for (size_t i = 0; i < 2; ++i) {
    const auto want = wide.losses(i), got = narrow.losses(i);
    ASSERT_EQ(got.size(), want.size());
    for (size_t step = 0; step < got.size(); ++step) EXPECT_LT(relative(got[step], want[step]), 5e-3) << step;
    EXPECT_NE(narrow.digest(i), wide.digest(i));
  }
}

TEST_P(Narrow, ComputedAgainIsTheSameBits) {
  const TrainedOptions o = options("bfloat16");
  const auto kept = gradients_of(model, o);
  for (const model::RecomputeLevels& levels : {model::RecomputeLevels{1, 2}, {3, 3}})
    EXPECT_EQ(gradients_of(model, o, levels), kept) << levels[0];
}

TEST_P(NarrowRun, ResumedIsTheSameBitsAndAnotherKindIsAnotherRun) {
  base::TemporaryFolder folder;
  TrainedOptions o = options("bfloat16");
  const Trained whole = fit(model, o);
  o.train.checkpoint_dir = folder.path() + "/run";
  o.callback = [](const Progress& p) { return p.step < 2; };
  fit(model, o);
  o.callback = {}, o.train.resume = true;
  TrainedOptions other = o;
  other.train.activation_dtype = "float32";
  EXPECT_THROW(fit(model, other), std::exception);
  const Trained resumed = fit(model, o);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(resumed.digest(i), whole.digest(i)) << i;
}

// The residual stream, statistics and what gradients are summed in stay as they are.
TEST_P(Narrow, ActivationsTakeLess) {
  const auto plan = [&](const std::string& kind) {
    const TrainedOptions o = options(kind);
    return train::make_plan(*model.impl()->transformer, prepare(model, o).learners, rows_of(o.rows), o.train);
  };
  const TrainPlan wide = plan("float32"), narrow = plan("bfloat16");
  EXPECT_LT(narrow.activation_bytes, 0.75 * static_cast<double>(wide.activation_bytes));
  EXPECT_EQ(narrow.optimizer_bytes, wide.optimizer_bytes);
}

// No launch of its own rounds what is rounded where it is written.
TEST_P(Narrow, APassTakesFewerLaunches) {
  const auto launches = [&](const std::string& kind) {
    const int64_t before = counted("launches");
    gradients_of(model, options(kind));
    return counted("launches") - before;
  };
  launches("float32");  // lists are there
  const int64_t wide = launches("float32"), narrow = launches("bfloat16");
  RecordProperty("wide", static_cast<int>(wide)), RecordProperty("narrow", static_cast<int>(narrow));
  if (GetParam().library && GetParam().quantize == "none")
    EXPECT_LT(narrow, wide);
  else
    EXPECT_LE(narrow, wide);
}

TEST_P(NarrowRun, AllWeightsFollowFloat32) {
  if (GetParam().quantize != "none") GTEST_SKIP() << "rounded weights are not trained";
  TrainedOptions o = options("float32", 0);
  const auto want = fit_all(model, o, 1e-3, 0.1).losses(0);
  o.train.activation_dtype = "bfloat16";
  const auto got = fit_all(model, o, 1e-3, 0.1).losses(0);
  ASSERT_EQ(got.size(), want.size());
  for (size_t step = 0; step < got.size(); ++step) EXPECT_LT(relative(got[step], want[step]), 1e-2) << step;
  EXPECT_NE(got, want);
}

std::string name_of(const ::testing::TestParamInfo<Base>& c) {
  return c.param.type + "_" + c.param.quantize + (c.param.library ? "" : "_own_products");
}
INSTANTIATE_TEST_SUITE_P(Bases, Narrow,
                         ::testing::Values(Base{"llama"}, Base{"qwen3"},
                                           Base{"llama", "bfloat16", "none", false},
                                           Base{"llama", "bfloat16", "int8"},
                                           Base{"llama", "bfloat16", "fp8"}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Bases, NarrowRun,
                         ::testing::Values(Base{"qwen3"}, Base{"llama", "bfloat16", "int8"},
                                           Base{"llama", "bfloat16", "fp8"}),
                         name_of);

// Of an adapter's run beside others nothing changes; the kernels here, whose bits do not depend on shapes.
TEST(NarrowTogether, IsWhatEachIsAlone) {
  const Model model = load({"llama", "bfloat16", "none", false});
  TrainedOptions o = options("bfloat16", 3);
  const Trained together = fit(model, o);
  for (size_t i = 0; i < 3; ++i) {
    TrainedOptions alone = o;
    alone.adapters = {o.adapters[i]};
    EXPECT_EQ(fit(model, alone).digest(0), together.digest(i)) << i;
  }
}

// Forward and back through cuDNN's stand-in, where heads are such that it takes them.
TEST(NarrowByCudnn, TrainsAsTheKernelsHereDo) {
  const Base base{"llama"};
  const TrainedOptions o = options("bfloat16");
  const auto want = fit(load(base), o).losses(0);
  setenv("WHORL_CUDA_ATTENTION", "cudnn", 1), setenv("WHORL_EMULATED_CUDNN", "present", 1);
  const int64_t before = counted("attention_calls");
  const auto got = fit(load(base), o).losses(0);
  unsetenv("WHORL_CUDA_ATTENTION"), unsetenv("WHORL_EMULATED_CUDNN");
  EXPECT_EQ(counted("attention_calls") - before, 3 * 2 * 2);  // steps, layers, forward and back
  ASSERT_EQ(got.size(), want.size());
  for (size_t step = 0; step < got.size(); ++step) EXPECT_LT(relative(got[step], want[step]), 5e-3) << step;
}

std::string refusal(const std::string& activation_dtype, const Model& model) {
  TrainOptions o;
  o.activation_dtype = activation_dtype;
  try {
    train::check_options(o, "[Trainer]");
    train::check_activations(o, *model.impl()->transformer, "[Trainer]");
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(NarrowRefusals, SayWhatWasExpected) {
  const auto says = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const Model cpu = load({"llama"}, "cpu"), exact = load({"llama", "float32"});
  EXPECT_EQ(refusal("float32", cpu), "");
  EXPECT_EQ(refusal("bfloat16", load({"llama"})), "");
  says(refusal("bfloat16", cpu), "[Trainer] expected activation_dtype 'float32' on cpu");
  says(refusal("bfloat16", exact), "expected a base in bfloat16, or with quantize, got one in float32");
  says(refusal("bfloat", cpu), "expected activation_dtype to be one of 'float32', 'bfloat16', got 'bfloat'");
}

}  // namespace
}  // namespace whorl
