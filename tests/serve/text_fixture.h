#pragma once
// A chat model whose tokens a test writes down: a small byte-level tokenizer, a template with tools, and a
// transformer that follows a script.
#include <fstream>

#include "serve/engine_fixture.h"

namespace whorl::testing {

inline constexpr const char* kTemplate =
    "{%- if tools %}<|im_start|>system\n# Tools\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "Answer with <tool_call>\n{\"name\": …, \"arguments\": …}\n</tool_call><|im_end|>\n{% endif %}"
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% "
    "endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

// Likes the next token of the script most, whatever came before; after its end, and for tokens that a grammar
// forbids, a hash decides. Serves one request at a time.
class ScriptedTransformer : public FakeTransformer {
 public:
  explicit ScriptedTransformer(int64_t vocab) : FakeTransformer(vocab, 4096) {}
  Tensor step(const model::Batch& batch, std::span<const ops::PagedSequence> sequences, model::KvCache& cache,
              std::span<const int32_t> logit_rows) const override {
    Tensor logits = FakeTransformer::step(batch, sequences, cache, logit_rows);
    for (size_t i = 0; i < logit_rows.size(); ++i) {
      const auto position = batch.positions[static_cast<size_t>(logit_rows[i])];
      if (sequences[0].past == 0) {
        start = position;
        prompt.assign(batch.ids.begin(), batch.ids.end());
      }
      const auto next = static_cast<size_t>(position - start);
      if (next < script.size())
        logits.data<float>()[static_cast<int64_t>(i) * config().vocab_size + script[next]] = 100;
    }
    return logits;
  }
  std::vector<int32_t> script;
  mutable std::vector<int32_t> prompt;  // of the last request
  mutable int32_t start = 0;
};

struct ChatModel {
  ChatModel() {
    std::vector<std::string> texts;
    for (int i = 0; i < 3; ++i)
      texts.push_back(
          "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 3}} the weather in "
          "Paris is good");
    text::TrainBpeOptions options;
    options.vocab_size = 340;
    options.special_tokens = {"<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"};
    const auto trained = text::Tokenizer::train_bpe(texts, options);
    std::ofstream(folder.path / "tokenizer.json") << trained.to_json();
    std::ofstream(folder.path / "tokenizer_config.json") << R"({"eos_token": "<|im_end|>"})";
    std::ofstream(folder.path / "chat_template.jinja") << kTemplate;
    ModelConfig config;
    config.hidden_size = config.intermediate_size = 16;
    config.num_hidden_layers = 1;
    config.num_attention_heads = 2;
    const Model base = Model::create(config, 1, folder.path);
    scripted = std::make_shared<ScriptedTransformer>(base.config().vocab_size);
    model.emplace(model_over(scripted, &base));
    end = tokenizer().token_to_id("<|im_end|>").value();
    auto impl = std::make_shared<Model::Impl>(*model->impl());
    impl->config.eos_token_ids = {end};
    model.emplace(impl);
  }
  const text::Tokenizer& tokenizer() const { return *model->impl()->tokenizer; }
  void say(const std::string& text) {
    scripted->script = tokenizer().encode(text, false);
    scripted->script.push_back(end);
  }

  TemporaryFolder folder;
  std::shared_ptr<ScriptedTransformer> scripted;
  std::optional<Model> model;
  int32_t end = 0;
};

}  // namespace whorl::testing
