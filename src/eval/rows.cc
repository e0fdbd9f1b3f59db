#include "eval/rows.h"

#include <algorithm>

#include "base/check.h"

namespace whorl::eval {
namespace {

struct TokenRow {
  InferenceEngine::LikelihoodRequest request;
  std::vector<uint8_t> counted;  // per token log-probability that comes back
};

// The context is everything before the first trained token; of what follows, only trained tokens count.
TokenRow token_row(const Dataset& data, const Model& model, int64_t row) {
  const EncodedRow encoded = data.encode(model, row);
  const auto first =
      std::find(encoded.trained.begin(), encoded.trained.end(), uint8_t{1}) - encoded.trained.begin();
  const auto& source = data[row].source;
  base::check_argument(first < std::ssize(encoded.ids), "[Evaluator.run] ", source,
                       ": the row has no trained token to score");
  base::check_argument(std::ssize(encoded.ids) <= model.config().max_position_embeddings, "[Evaluator.run] ",
                       source, ": ", encoded.ids.size(), " tokens are more than the model's ",
                       model.config().max_position_embeddings, "; use limit_length first");
  TokenRow out;
  out.request.context.assign(encoded.ids.begin(), encoded.ids.begin() + first);
  out.request.continuation.assign(encoded.ids.begin() + first, encoded.ids.end());
  // With nothing before it the first token is given, not scored.
  out.counted.assign(encoded.trained.begin() + first + (first == 0 ? 1 : 0), encoded.trained.end());
  return out;
}

}  // namespace

RowQuestion question_of(const Row& row, const SamplingOptions& sampling) {
  RowQuestion out;
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

std::vector<TokenShare> score_tokens(InferenceEngine& engine, const Dataset& data, int64_t rows,
                                     const Contestant& who, AnswerCache& cache, const Pace& pace) {
  std::vector<TokenShare> shares(static_cast<size_t>(rows));
  std::vector<TokenRow> asked;
  std::vector<Scored> requests;
  std::vector<size_t> of_row;
  const Model& model = engine.model();
  const std::string digest = model.digest();
  for (int64_t i = 0; i < rows; ++i) {
    try {
      asked.push_back(token_row(data, model, i));
    } catch (const std::invalid_argument& error) {
      shares[static_cast<size_t>(i)].error = error.what();
      continue;
    }
    asked.back().request.adapter = who.name;
    requests.push_back({asked.back().request, likelihood_key(digest, who.digest, asked.back().request)});
    of_row.push_back(static_cast<size_t>(i));
  }
  const auto answers = ask(engine, requests, cache, pace);
  for (size_t k = 0; k < answers.size(); ++k) {
    auto& [share, error] = shares[of_row[k]];
    for (size_t t = 0; t < asked[k].counted.size(); ++t) {
      if (!asked[k].counted[t]) continue;
      share.sum -= answers[k].token_logprobs[t];
      ++share.count;
    }
    if (share.count == 0) error = "the row's only trained token is its first: nothing stands before it";
  }
  return shares;
}

}  // namespace whorl::eval
