#include "serve/likelihood.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "serve/ranks.h"
#include "serve/sampler.h"

namespace whorl::serve {

LikelihoodSequence::LikelihoodSequence(std::shared_ptr<LikelihoodJob> job, size_t index,
                                       const InferenceEngine::LikelihoodRequest& request,
                                       std::shared_ptr<const model::DeviceAdapter> with)
    : job_(std::move(job)), index_(index) {
  tokens = request.context;
  tokens.insert(tokens.end(), request.continuation.begin(), request.continuation.end());
  prompt_tokens = static_cast<int64_t>(tokens.size());
  max_cached = prompt_tokens - 1;  // nothing follows the last token
  first_logit = std::max<int64_t>(0, std::ssize(request.context) - 1);
  adapter = std::move(with);
  result_.is_greedy = true;
}

void LikelihoodSequence::take(int64_t position, std::span<const float> logits, SamplerScratch& scratch) {
  const int32_t next = tokens[static_cast<size_t>(position) + 1];
  const int32_t best = argmax(logits);
  add(position,
      static_cast<double>(logits[static_cast<size_t>(next)]) -
          log_sum_exp(logits, logits[static_cast<size_t>(best)], scratch.backend),
      best == next);
}

void LikelihoodSequence::take_score(int64_t position, const Score& score) {
  if (std::isnan(score.largest)) refuse_broken();
  add(position,
      static_cast<double>(score.logit) - (static_cast<double>(score.largest) + std::log(score.sum_exp)),
      score.best == tokens[static_cast<size_t>(position) + 1]);
}

void LikelihoodSequence::add(int64_t position, double logprob, bool likeliest) {
  result_.token_logprobs.push_back(logprob);
  result_.logprob += logprob;
  result_.is_greedy = result_.is_greedy && likeliest;
  finished = position + 1 == max_cached;
}

void LikelihoodSequence::complete() {
  job_->results[index_] = std::move(result_);
  job_->part_done();
}

void LikelihoodSequence::cancel() {
  job_->part_done(std::make_exception_ptr(
      std::runtime_error("[InferenceEngine.log_likelihood] the engine was shut down")));
}

}  // namespace whorl::serve
