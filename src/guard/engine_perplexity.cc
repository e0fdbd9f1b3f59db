#include "guard/engine_perplexity.h"

#include <algorithm>

#include "base/check.h"
#include "text/model_text.h"

namespace whorl::guard {
namespace {

using Request = InferenceEngine::LikelihoodRequest;

// Tokens [first, last) of one text, scored by one request.
struct Window {
  size_t text = 0, first = 0, last = 0;
};

struct Plan {
  std::vector<text::Encoding> encodings;
  std::vector<Window> windows;
  std::vector<Request> requests;
};

void add_windows(Plan& plan, size_t index, const std::vector<int32_t>& start, size_t context,
                 const std::string& adapter) {
  const auto& ids = plan.encodings[index].ids;
  size_t done = start.empty() ? 1 : 0;  // without a start the first token has nothing before it
  while (done < ids.size()) {
    Request request;
    request.adapter = adapter;
    const size_t before = std::min(done, context / 4);
    request.context = start;
    request.context.insert(request.context.end(), ids.begin() + static_cast<long>(done - before),
                           ids.begin() + static_cast<long>(done));
    const size_t take = std::min(ids.size() - done, context - request.context.size());
    request.continuation.assign(ids.begin() + static_cast<long>(done),
                                ids.begin() + static_cast<long>(done + take));
    plan.windows.push_back({index, done, done + take});
    plan.requests.push_back(std::move(request));
    done += take;
  }
}

}  // namespace

std::vector<std::vector<TokenScore>> score_texts(InferenceEngine& engine, const std::string& adapter,
                                                 const std::vector<std::string>& texts) {
  const auto model = text::model_text(engine.model());
  base::check_argument(model.tokenizer != nullptr, "the model has no tokenizer");
  const int64_t bos = engine.model().config().bos_token_id;
  const std::vector<int32_t> start =
      bos < 0 ? std::vector<int32_t>() : std::vector<int32_t>{static_cast<int32_t>(bos)};
  Plan plan;
  for (size_t i = 0; i < texts.size(); ++i) {
    const text::ByteRange whole{0, texts[i].size()};
    plan.encodings.push_back(model.tokenizer->encode_segments(texts[i], std::span(&whole, 1), false));
    add_windows(plan, i, start, static_cast<size_t>(model.max_positions), adapter);
  }
  const auto scored = engine.log_likelihood(plan.requests);
  std::vector<std::vector<TokenScore>> out(texts.size());
  for (size_t w = 0; w < scored.size(); ++w) {
    const Window& window = plan.windows[w];
    const auto& ranges = plan.encodings[window.text].ranges;
    for (size_t t = window.first; t < window.last; ++t)
      out[window.text].push_back(
          {std::min(0.0, scored[w].token_logprobs.at(t - window.first)), ranges[t].begin, ranges[t].end});
  }
  return out;
}

}  // namespace whorl::guard
