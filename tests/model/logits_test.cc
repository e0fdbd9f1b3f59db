// Logits of every family against transformers.
#include <gtest/gtest.h>

#include "model/golden.h"
#include "whorl/adapter.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

const std::vector<std::string> kCases = {
    "llama",   "llama_bias", "llama_tied", "llama_rope_linear", "llama_rope_llama3",
    "mistral", "qwen2",      "qwen3"};

class Logits : public ::testing::TestWithParam<std::string> {
 protected:
  TemporaryFolder folder;
  std::string name = GetParam();
  tensor::Safetensors golden = golden_tensors(name);
  std::vector<int32_t> ids = ids_of(golden.tensor("ids"));

  Model load(const std::string& dtype) {
    return Model::load(model_folder(name, folder.path() + "/" + dtype), {.dtype = dtype});
  }
};

TEST_P(Logits, Float32AgreesWithTransformers) {
  const Model model = load("float32");
  const double error = max_error(model.logits(ids), values_of(golden.tensor("logits")));
  EXPECT_LE(error, 1e-4);
}

// No farther from float64 than transformers' own bfloat16.
TEST_P(Logits, Bfloat16IsNoWorseThanTransformers) {
  const Model model = load("auto");
  EXPECT_EQ(model.config().torch_dtype, "bfloat16");
  const auto exact = values_of(golden.tensor("logits_float64")),
             theirs = values_of(golden.tensor("logits_bfloat16"));
  const auto ours = model.logits(ids);
  EXPECT_LE(max_error(ours, exact), max_error(theirs, exact));
  EXPECT_LE(rms_error(ours, exact), rms_error(theirs, exact));
}

class AdaptedLogits : public Logits {};

TEST_P(AdaptedLogits, AnAdapterOfPeftGivesPeftsLogits) {
  const Model model = load("float32");
  const Adapter adapter = Adapter::load(golden_root() / name / "adapter");
  EXPECT_LE(max_error(model.logits(ids, &adapter), values_of(golden.tensor("adapter_logits"))), 1e-4);
  EXPECT_GT(max_error(model.logits(ids), values_of(golden.tensor("adapter_logits"))), 1e-2);
}

INSTANTIATE_TEST_SUITE_P(Families, Logits, ::testing::ValuesIn(kCases),
                         [](const auto& c) { return c.param; });

INSTANTIATE_TEST_SUITE_P(Families, AdaptedLogits,
                         ::testing::Values("llama", "llama_rope_llama3", "mistral", "qwen2", "qwen3"),
                         [](const auto& c) { return c.param; });

// Planted fault: the right weights under another rope or window must not pass for the golden ones.
TEST(LogitsPlantedFault, AnotherRopeOrWindowIsSeen) {
  TemporaryFolder folder;
  for (const std::string wrong : {"llama_rope_linear", "llama_rope_llama3", "mistral"}) {
    const auto golden = golden_tensors(wrong);
    const Model model = Model::load(model_folder("llama", folder.path() + "/" + wrong), {.dtype = "float32"});
    EXPECT_GT(max_error(model.logits(ids_of(golden.tensor("ids"))), values_of(golden.tensor("logits"))), 1e-3)
        << wrong;
  }
}

}  // namespace
}  // namespace whorl
