#include "eval/rows.h"

#include <algorithm>

#include "base/check.h"

namespace whorl::eval {
namespace {

struct Scored {
  InferenceEngine::LikelihoodRequest request;
  std::vector<uint8_t> counted;  // per token log-probability that comes back
};

// The context is everything before the first trained token; of what follows, only trained tokens count.
Scored scored_row(const Dataset& data, const Model& model, int64_t row) {
  const EncodedRow encoded = data.encode(model, row);
  const auto first =
      std::find(encoded.trained.begin(), encoded.trained.end(), uint8_t{1}) - encoded.trained.begin();
  const auto& source = data[row].source;
  base::check_argument(first < std::ssize(encoded.ids), "[Evaluator.run] ", source,
                       ": the row has no trained token to score");
  base::check_argument(std::ssize(encoded.ids) <= model.config().max_position_embeddings, "[Evaluator.run] ",
                       source, ": ", encoded.ids.size(), " tokens are more than the model's ",
                       model.config().max_position_embeddings, "; use limit_length first");
  Scored out;
  out.request.context.assign(encoded.ids.begin(), encoded.ids.begin() + first);
  out.request.continuation.assign(encoded.ids.begin() + first, encoded.ids.end());
  // With nothing before it the first token is given, not scored.
  out.counted.assign(encoded.trained.begin() + first + (first == 0 ? 1 : 0), encoded.trained.end());
  return out;
}

}  // namespace

Question question_of(const Row& row, const SamplingOptions& sampling) {
  Question out;
  out.request.sampling = sampling;
  if (row.messages.empty()) {
    base::check_argument(
        !row.prompt.empty(), "[Evaluator.run] ", row.source,
        ": expected a conversation or a prompt with its completion; a plain text has perplexity only");
    out.request.prompt = row.prompt;
    out.expected = {"assistant", row.completion};
    return out;
  }
  size_t last = row.messages.size();
  while (last > 0 && row.messages[last - 1].role != "assistant") --last;
  base::check_argument(last > 1, "[Evaluator.run] ", row.source,
                       ": expected an assistant message with something before it");
  out.expected = row.messages[last - 1];
  out.request.messages.assign(row.messages.begin(), row.messages.begin() + static_cast<int64_t>(last) - 1);
  out.request.tools = row.tools;
  return out;
}

std::vector<std::vector<Share>> score_tokens(InferenceEngine& engine, const Dataset& data,
                                             const std::vector<std::string>& adapters) {
  std::vector<Scored> rows;
  std::vector<InferenceEngine::LikelihoodRequest> requests;
  for (int64_t i = 0; i < data.size(); ++i) {
    rows.push_back(scored_row(data, engine.model(), i));
    for (const auto& adapter : adapters) {
      requests.push_back(rows.back().request);
      requests.back().adapter = adapter;
    }
  }
  const auto answers = engine.log_likelihood(requests);
  std::vector<std::vector<Share>> shares(adapters.size(), std::vector<Share>(rows.size()));
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto& row = rows[i / adapters.size()];
    auto& share = shares[i % adapters.size()][i / adapters.size()];
    for (size_t t = 0; t < row.counted.size(); ++t) {
      if (!row.counted[t]) continue;
      share.sum -= answers[i].token_logprobs[t];
      ++share.count;
    }
  }
  return shares;
}

}  // namespace whorl::eval
