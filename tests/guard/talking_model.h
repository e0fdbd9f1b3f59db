#pragma once
// A chat model that says what a test wants: `answer` gets the whole prompt and the adapter's digest.
#include <functional>
#include <mutex>

#include "serve/text_fixture.h"

namespace whorl::testing {

class TalkingTransformer : public FakeTransformer {
 public:
  explicit TalkingTransformer(int64_t vocab) : FakeTransformer(vocab, 4096) {}
  Tensor step(const model::Batch& batch, std::span<const ops::PagedSequence> sequences, model::KvCache& cache,
              std::span<const int32_t> logit_rows) const override {
    Tensor logits = FakeTransformer::step(batch, sequences, cache, logit_rows);
    std::lock_guard lock(mutex);
    for (size_t i = 0; i < logit_rows.size(); ++i)
      for (const auto& sequence : sequences)
        if (logit_rows[i] >= sequence.begin && logit_rows[i] < sequence.end) {
          std::vector<int32_t> seen;
          for (int64_t p = 0; p <= sequence.past + logit_rows[i] - sequence.begin; ++p)
            seen.push_back(*slot(cache, sequence, p));
          const auto* adapter = adapter_of(batch, logit_rows[i]);
          const int32_t next = next_token(seen, adapter ? adapter->digest : "");
          if (next >= 0) logits.data<float>()[static_cast<int64_t>(i) * config().vocab_size + next] = 100;
        }
    return logits;
  }

  std::shared_ptr<const text::Tokenizer> tokenizer;
  int32_t start_of_turn = 0, end_of_turn = 0;
  std::function<std::string(const std::string& prompt, const std::string& adapter)> answer;
  mutable std::mutex mutex;
  mutable std::vector<std::string> prompts;  // each once, when its first token is asked for

 private:
  // Where the assistant's turn begins, every prompt of the chat template ends.
  int32_t next_token(const std::vector<int32_t>& seen, const std::string& adapter) const {
    const auto header = tokenizer->encode("assistant\n", false);
    size_t turn = seen.size();
    while (turn > 0 && seen[turn - 1] != start_of_turn) --turn;
    const size_t begin = turn + header.size();
    if (turn == 0 || begin > seen.size() ||
        !std::equal(header.begin(), header.end(), seen.begin() + static_cast<long>(turn)))
      return -1;  // inside of a prompt: somebody wants likelihoods
    const std::string prompt = tokenizer->decode(std::span(seen).first(turn - 1), false);
    if (begin == seen.size()) prompts.push_back(prompt);
    auto said = tokenizer->encode_ordinary(answer(prompt, adapter));
    said.push_back(end_of_turn);
    const size_t at = seen.size() - begin;
    return at < said.size() ? said[at] : end_of_turn;
  }
};

struct TalkingModel {
  TalkingModel() {
    talker = std::make_shared<TalkingTransformer>(chat.model->config().vocab_size);
    auto impl = std::make_shared<Model::Impl>(*chat.model->impl());
    impl->transformer = talker;
    model.emplace(impl);
    talker->tokenizer = impl->tokenizer;
    talker->start_of_turn = chat.tokenizer().token_to_id("<|im_start|>").value();
    talker->end_of_turn = chat.end;
    talker->answer = [](const std::string&, const std::string&) { return "no"; };
  }
  ChatModel chat;
  std::shared_ptr<TalkingTransformer> talker;
  std::optional<Model> model;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace whorl::testing
