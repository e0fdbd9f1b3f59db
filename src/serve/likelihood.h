#pragma once
// Scoring of given tokens: the same steps as generation, without a choice.
#include <memory>
#include <vector>

#include "serve/job.h"
#include "serve/sequence.h"
#include "whorl/inference_engine.h"

namespace whorl::serve {

struct LikelihoodJob : Job {
  LikelihoodJob(int64_t requests, std::thread::id engine)
      : Job(requests, engine), results(static_cast<size_t>(requests)) {}
  std::vector<InferenceEngine::Likelihood> results;
};

class LikelihoodSequence : public Sequence {
 public:
  LikelihoodSequence(std::shared_ptr<LikelihoodJob> job, size_t index,
                     const InferenceEngine::LikelihoodRequest& request,
                     std::shared_ptr<const model::DeviceAdapter> with);

  void take(int64_t position, std::span<const float> logits, SamplerScratch& scratch) override;
  bool scores_known_tokens() const override { return true; }
  void take_score(int64_t position, const Score& score) override;
  void tell() override {}
  bool cancelled() const override { return job_->cancelled(); }
  void complete() override;
  void cancel() override;
  void fail(std::exception_ptr cause) override { job_->part_done(cause); }

 private:
  void add(int64_t position, double logprob, bool likeliest);
  std::shared_ptr<LikelihoodJob> job_;
  size_t index_;
  InferenceEngine::Likelihood result_;
};

}  // namespace whorl::serve
