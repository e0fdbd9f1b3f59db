#pragma once
// Models and adapters for the engine's tests: the fake, and a tiny real one.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapter/adapter_impl.h"
#include "model/model_impl.h"
#include "serve/fake_transformer.h"
#include "whorl/inference_engine.h"

namespace whorl::testing {

inline Model model_over(std::shared_ptr<const model::Transformer> transformer,
                        const Model* text_of = nullptr) {
  auto impl = std::make_shared<Model::Impl>();
  impl->config = transformer->config();
  impl->transformer = std::move(transformer);
  impl->read_digest = std::make_shared<const model::ReadDigest>([] { return std::string(); });
  if (text_of) {
    impl->tokenizer = text_of->impl()->tokenizer;
    impl->chat_template = text_of->impl()->chat_template;
    impl->config.eos_token_ids = text_of->config().eos_token_ids;
  }
  return Model(std::move(impl));
}

inline Model fake_model(int64_t vocab = 40, int64_t context = 256) {
  return model_over(std::make_shared<FakeTransformer>(vocab, context));
}

inline Model tiny_model(uint64_t seed = 1, const std::string& dtype = "float32") {
  ModelConfig config;
  config.vocab_size = 97;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.max_position_embeddings = 256;
  config.torch_dtype = dtype;
  ModelOptions options;
  options.threads = 2;
  return Model::create(config, seed, {}, options);
}

inline GenerateRequest request_of(std::vector<int32_t> prompt, int64_t max_new_tokens) {
  GenerateRequest request;
  request.prompt_ids = std::move(prompt);
  request.sampling.max_new_tokens = max_new_tokens;
  return request;
}

inline adapter::BaseDescription description_of(const model::Transformer& transformer) {
  adapter::BaseDescription base;
  const auto& names = transformer.linear_names();
  for (size_t i = 0; i < names.size(); ++i) {
    const Shape shape = transformer.linear_shape(i);
    base.modules[names[i]] = {shape[0], shape[1]};
  }
  if (names.empty()) base.modules["model.layers.0.self_attn.q_proj"] = {1, 1};  // the fake binds anything
  return base;
}

// Both matrices random, so that the adapter really changes the output.
inline Adapter random_adapter(const Model& model, int64_t rank, uint64_t seed) {
  adapter::LoraConfig config;
  config.rank = rank;
  config.alpha = static_cast<double>(4 * rank);
  config.init = "false";
  config.targets = adapter::Targets::of_list({"all-linear"});
  return adapter::make_adapter(adapter::create_lora(config, description_of(*model.impl()->transformer), seed),
                               "[test]");
}

inline std::vector<int32_t> random_ids(uint64_t seed, int64_t length, int64_t vocab) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < length; ++i)
    out.push_back(
        static_cast<int32_t>(base::below(seed, static_cast<uint64_t>(i), static_cast<uint64_t>(vocab))));
  return out;
}

struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "whorl_serve_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

// The message of the exception that `call` throws; "" if it throws none of this type.
template <class Error, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another type of error: " << error.what();
  }
  return {};
}

}  // namespace whorl::testing
