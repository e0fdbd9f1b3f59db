// The engine over the emulated device.
#include <gtest/gtest.h>

#include <filesystem>

#include "ops/device.h"
#include "whorl/inference_engine.h"
#include "whorl/model.h"

namespace whorl {
namespace {

Model toy_model_on(const std::string& device, const std::string& quantize = "auto") {
  ModelConfig config;
  config.vocab_size = 97, config.hidden_size = 32, config.intermediate_size = 48,
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4, config.num_key_value_heads = 2, config.max_position_embeddings = 256;
  config.initializer_range = 0.2;
  return Model::create(config, 7, {}, {.device = device, .quantize = quantize});
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

// Whose logits stay on the device.
TEST(AnswersOnCuda, ScoreAsTheCpuDoes) {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  const auto scores = [&](const std::string& device) {
    InferenceEngine engine(toy_model_on(device), EngineOptions{.page_size = 4});
    std::vector<InferenceEngine::LikelihoodRequest> requests(4);
    for (size_t i = 0; i < requests.size(); ++i)
      for (size_t t = 0; t < 6 + 3 * i; ++t)
        (t < 4 * i ? requests[i].context : requests[i].continuation)
            .push_back(static_cast<int32_t>((7 * t + 5 * i) % 90 + 3));
    return engine.log_likelihood(requests);
  };
  const auto got = scores("cuda_emulated"), want = scores("cpu");
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got[i].token_logprobs.size(), want[i].token_logprobs.size());
    for (size_t t = 0; t < want[i].token_logprobs.size(); ++t)
      EXPECT_NEAR(got[i].token_logprobs[t], want[i].token_logprobs[t], 1e-4) << i << " " << t;
    EXPECT_EQ(got[i].is_greedy, want[i].is_greedy);
  }
}

// Over linears in FP8 an answer does not depend on what else is asked at the same time.
TEST(AnswersOnCuda, InFp8AreThoseOfEachAlone) {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  InferenceEngine engine(toy_model_on("cuda_emulated", "fp8"), EngineOptions{.page_size = 4});
  std::vector<GenerateRequest> requests(3);
  for (size_t i = 0; i < requests.size(); ++i) {
    for (size_t t = 0; t < 3 + 4 * i; ++t)
      requests[i].prompt_ids.push_back(static_cast<int32_t>((7 * t + 5 * i) % 90 + 3));
    requests[i].sampling.max_new_tokens = 6, requests[i].sampling.temperature = 0;
    requests[i].sampling.ignore_eos = true;
  }
  const auto together = engine.generate(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(together[i].front().ids, engine.generate(requests[i]).ids) << i;
    EXPECT_EQ(together[i].front().ids.size(), 6u);
  }
}

// A conversation of three turns beside another that begins alike: pages that were kept answer as pages that
// are computed anew do.
TEST(AnswersOnCuda, KnowNotWhetherPagesWereKept) {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  int64_t cached = 0;
  const auto turns = [&](bool kept) {
    InferenceEngine engine(toy_model_on("cuda_emulated"),
                           EngineOptions{.page_size = 4, .prefix_cache = kept});
    std::vector<std::vector<int32_t>> ids;
    cached = 0;
    for (int32_t other = 0; other < 2; ++other) {
      GenerateRequest request;
      for (int32_t t = 0; t < 10; ++t) request.prompt_ids.push_back(7 * t % 90 + 3 + (t == 9 ? other : 0));
      request.sampling.max_new_tokens = 6;
      request.sampling.temperature = 0, request.sampling.ignore_eos = true;
      for (int turn = 0; turn < 3; ++turn) {
        const GenerateResult result = engine.generate(request);
        cached += result.cached_tokens;
        ids.push_back(result.ids);
        request.prompt_ids.insert(request.prompt_ids.end(), result.ids.begin(), result.ids.end());
        request.prompt_ids.push_back(20 + turn);
      }
    }
    return ids;
  };
  const auto computed = turns(false);
  EXPECT_EQ(cached, 0);
  EXPECT_EQ(turns(true), computed);
  // The second and third turns of both find what the turn before left, and the other's first its first eight.
  EXPECT_EQ(cached, 2 * (12 + 20) + 8);
}

}  // namespace
}  // namespace whorl
