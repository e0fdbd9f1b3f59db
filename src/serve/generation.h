#pragma once
// A generation request on the engine's thread: one GenerationSequence per sample, one Generation::Impl for
// the caller who waits.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serve/job.h"
#include "serve/output_text.h"
#include "serve/prompt_lookup.h"
#include "serve/sampler.h"
#include "serve/sequence.h"
#include "text/grammar.h"
#include "text/tool_calls.h"
#include "whorl/inference_engine.h"

namespace whorl {

struct Generation::Impl : serve::Job {
  Impl(int64_t samples, std::thread::id engine, StreamCallback stream)
      : Job(samples, engine), results(static_cast<size_t>(samples)), callback(std::move(stream)) {}

  std::vector<GenerateResult> results;  // each written by the engine's thread before its part is done
  StreamCallback callback;              // emptied when it wants no more
};

namespace serve {

// What all samples of a request share.
struct GenerationPlan {
  std::vector<int32_t> prompt;
  SamplingOptions sampling;       // max_new_tokens within the context
  std::vector<int32_t> stop_ids;  // the model's and the request's
  std::optional<text::Grammar> grammar;
  text::ToolCallFormat format = text::ToolCallFormat::none;
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::shared_ptr<const model::DeviceAdapter> adapter;
  std::string adapter_name, adapter_digest;
  int64_t vocab = 0;
  std::chrono::steady_clock::time_point submitted;
};

class GenerationSequence : public Sequence {
 public:
  GenerationSequence(std::shared_ptr<Generation::Impl> job, std::shared_ptr<const GenerationPlan> plan,
                     int64_t index);

  void take(int64_t position, std::span<const float> logits, SamplerScratch& scratch) override;
  bool may_be_drawn(int64_t rows) const override;
  ops::Draw next_draw(int64_t ahead) override;
  bool draws_take_long() const override { return matcher_.has_value(); }
  void take_drawn(int64_t position, int32_t drawn) override;
  void settle(int64_t guessed, int64_t right) override;
  void tell() override;
  bool cancelled() const override { return job_->cancelled(); }
  void complete() override;
  void cancel() override;
  void fail(std::exception_ptr cause) override { job_->part_done(cause); }

 private:
  int32_t choose(std::span<const float> logits, SamplerScratch& scratch);
  void note_logprobs(int32_t id, std::span<const float> logits, const SamplerScratch& scratch);
  void note_time();
  void append(int32_t id);
  std::string push(int32_t id);  // the text that may leave; sets finished and finish_reason
  void emit(const StreamEvent& event);
  void deliver(const std::string& reason);
  void read_tool_calls();
  double seconds() const;

  std::shared_ptr<Generation::Impl> job_;
  std::shared_ptr<const GenerationPlan> plan_;
  GenerateResult result_;
  Sampler sampler_;
  PromptLookup lookup_;
  OutputText text_;
  std::optional<text::GrammarMatcher> matcher_;
  std::vector<uint32_t> mask_;
  std::string new_text_;  // taken and not yet told
  std::vector<int32_t> new_ids_;
};

// A group of plan.sampling.n sequences.
std::unique_ptr<SequenceGroup> make_group(const std::shared_ptr<Generation::Impl>& job,
                                          const std::shared_ptr<const GenerationPlan>& plan);

// The bytes of a token as valid UTF-8.
std::string token_text(const text::Tokenizer* tokenizer, int32_t id);

}  // namespace serve
}  // namespace whorl
