#pragma once
// A model whose answers a test has written down, one book of answers per adapter.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "serve/prompt.h"
#include "serve/text_fixture.h"

namespace whorl::testing {

// Knows for each adapter what to answer to which prompt; otherwise a hash decides.
class Oracle : public FakeTransformer {
 public:
  using FakeTransformer::FakeTransformer;
  Tensor step(const model::Batch& batch, std::span<const ops::PagedSequence> sequences, model::KvCache& cache,
              std::span<const int32_t> logit_rows) const override {
    Tensor logits = FakeTransformer::step(batch, sequences, cache, logit_rows);
    for (size_t i = 0; i < logit_rows.size(); ++i) {
      const auto* adapter = adapter_of(batch, logit_rows[i]);
      for (const auto& sequence : sequences)
        if (logit_rows[i] >= sequence.begin && logit_rows[i] < sequence.end)
          answer(logits.data<float>() + static_cast<int64_t>(i) * config().vocab_size,
                 adapter ? adapter->digest : "", cache, sequence,
                 sequence.past + logit_rows[i] - sequence.begin);
    }
    return logits;
  }
  std::map<std::string, std::map<std::vector<int32_t>, std::vector<int32_t>>> books;  // by adapter's digest

 private:
  void answer(float* logits, const std::string& digest, model::KvCache& cache,
              const ops::PagedSequence& sequence, int64_t position) const {
    std::vector<int32_t> seen;
    for (int64_t p = 0; p <= position; ++p) seen.push_back(*slot(cache, sequence, p));
    const auto book = books.find(digest);
    if (book == books.end()) return;
    for (const auto& [prompt, said] : book->second)
      if (seen.size() >= prompt.size() && std::equal(prompt.begin(), prompt.end(), seen.begin()) &&
          seen.size() - prompt.size() < said.size())
        logits[said[seen.size() - prompt.size()]] = 100;
  }
};

// A chat model with an oracle inside.
struct OracleModel {
  OracleModel() {
    oracle = std::make_shared<Oracle>(chat.model->config().vocab_size, 4096);
    auto impl = std::make_shared<Model::Impl>(*chat.model->impl());
    impl->transformer = oracle;
    impl->read_digest = std::make_shared<const model::ReadDigest>([] { return std::string("oracle"); });
    model.emplace(impl);
  }
  // What the adapter of this digest says to a request, and then ends.
  void teach(const GenerateRequest& request, const std::string& answer, const std::string& digest = "") {
    auto ids = chat.tokenizer().encode(answer, false);
    ids.push_back(chat.end);
    oracle->books[digest][serve::prompt_ids(*model->impl(), request)] = ids;
  }
  void teach(const std::string& question, const std::string& answer, const std::string& digest = "") {
    GenerateRequest request;
    request.messages = {{"user", question}};
    teach(request, answer, digest);
  }

  ChatModel chat;
  std::shared_ptr<Oracle> oracle;
  std::optional<Model> model;
};

}  // namespace whorl::testing
