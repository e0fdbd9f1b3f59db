// The engine over the emulated device.
#include <gtest/gtest.h>

#include <filesystem>

#include "ops/device.h"
#include "whorl/inference_engine.h"
#include "whorl/model.h"

namespace whorl {
namespace {

Model toy_model_on(const std::string& device) {
  ModelConfig config;
  config.vocab_size = 97, config.hidden_size = 32, config.intermediate_size = 48,
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4, config.num_key_value_heads = 2, config.max_position_embeddings = 256;
  config.initializer_range = 0.2;
  return Model::create(config, 7, {}, {.device = device});
}

// Several requests in one batch over the paged cache: the ids that the CPU gives.
TEST(AnswersOnCuda, AreThoseOfTheCpu) {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  const auto answers = [&](const std::string& device) {
    InferenceEngine engine(toy_model_on(device), EngineOptions{.page_size = 4});
    std::vector<GenerateRequest> requests(3);
    for (size_t i = 0; i < requests.size(); ++i) {
      for (size_t t = 0; t < 3 + 4 * i; ++t)
        requests[i].prompt_ids.push_back(static_cast<int32_t>((7 * t + 5 * i) % 90 + 3));
      requests[i].sampling.max_new_tokens = 6;
      requests[i].sampling.temperature = 0;
    }
    std::vector<std::vector<int32_t>> ids;
    for (const auto& samples : engine.generate(requests)) ids.push_back(samples.front().ids);
    return ids;
  };
  EXPECT_EQ(answers("cuda_emulated"), answers("cpu"));
}

}  // namespace
}  // namespace whorl
