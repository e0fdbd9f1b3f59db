#include "serve/generation.h"

#include <algorithm>
#include <utility>

namespace whorl::serve {
namespace {

uint64_t sample_seed(const GenerationPlan& plan, int64_t index) {
  return plan.sampling.seed + static_cast<uint64_t>(index);
}

}  // namespace

std::string token_text(const text::Tokenizer* tokenizer, int32_t id) {
  if (!tokenizer) return {};
  // The bytes keep a leading space that decoding one token alone may drop; half a character is shown as
  // U+FFFD.
  std::string decoded = tokenizer->decode(std::vector<int32_t>{id}, false);
  return decoded.find("\xEF\xBF\xBD") == std::string::npos ? tokenizer->id_bytes(id) : decoded;
}

GenerationSequence::GenerationSequence(std::shared_ptr<Generation::Impl> job,
                                       std::shared_ptr<const GenerationPlan> plan, int64_t index)
    : job_(std::move(job)),
      plan_(std::move(plan)),
      sampler_(plan_->sampling, sample_seed(*plan_, index), plan_->prompt),
      lookup_(plan_->sampling.prompt_lookup_num_tokens),
      text_(plan_->tokenizer.get(), plan_->sampling.stop) {
  tokens = plan_->prompt;
  prompt_tokens = static_cast<int64_t>(tokens.size());
  max_cached = prompt_tokens + plan_->sampling.max_new_tokens - 1;  // the last token is never fed
  first_logit = prompt_tokens - 1;
  adapter = plan_->adapter;
  result_.index = index;
  result_.adapter = plan_->adapter_name;
  result_.adapter_digest = plan_->adapter_digest;
  result_.prompt_tokens = prompt_tokens;
  if (!plan_->grammar) return;
  matcher_.emplace(plan_->grammar->matcher());
  mask_.resize(static_cast<size_t>((plan_->vocab + 31) / 32));
}

double GenerationSequence::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - plan_->submitted).count();
}

int32_t GenerationSequence::choose(std::span<const float> logits, SamplerScratch& scratch) {
  if (matcher_) matcher_->fill_mask(mask_);
  const int32_t id = sampler_.choose(logits, mask_, scratch);
  if (matcher_) matcher_->accept(id);
  return id;
}

void GenerationSequence::note_logprobs(int32_t id, std::span<const float> logits,
                                       const SamplerScratch& scratch) {
  const float best = logits[static_cast<size_t>(argmax(logits))];
  const double norm = log_sum_exp(logits, best, scratch.backend);
  auto logprob = [&](int32_t token) {
    return static_cast<double>(logits[static_cast<size_t>(token)]) - norm;
  };
  TokenLogprob entry{id, token_text(plan_->tokenizer.get(), id), logprob(id)};
  for (const int32_t token : largest(logits, plan_->sampling.logprobs))
    entry.top.emplace_back(token, logprob(token));
  result_.logprobs.push_back(std::move(entry));
}

std::string GenerationSequence::push(int32_t id) {
  const auto& stops = plan_->stop_ids;
  if (std::find(stops.begin(), stops.end(), id) != stops.end()) {
    finished = true;
    result_.finish_reason = "stop";
    return text_.finish();
  }
  std::string text = text_.push(id);
  const bool full = std::ssize(result_.ids) >= plan_->sampling.max_new_tokens;
  const bool complete_text = matcher_ && matcher_->is_stopped();
  if (!text_.stopped() && !complete_text && !full) return text;
  text += text_.finish();
  finished = true;
  result_.finish_reason = text_.stopped() || complete_text ? "stop" : "length";
  return text;
}

void GenerationSequence::take(int64_t, std::span<const float> logits, SamplerScratch& scratch) {
  const int32_t id = choose(logits, scratch);
  note_time();
  if (plan_->sampling.logprobs >= 0) note_logprobs(id, logits, scratch);
  append(id);
}

// What is put out changes what may follow and what is penalised: that is known of one row at a time.
bool GenerationSequence::may_be_drawn(int64_t rows) const {
  if (plan_->sampling.logprobs >= 0 || sampler_.penalties() > ops::kMostPenalties) return false;
  return rows == 1 || !(matcher_ || sampler_.penalised());
}

ops::Draw GenerationSequence::next_draw(int64_t ahead) {
  ops::Draw out = sampler_.next_draw(ahead);
  if (!matcher_) return out;
  matcher_->fill_mask(mask_);
  out.allowed = mask_;
  return out;
}

void GenerationSequence::take_drawn(int64_t, int32_t drawn) {
  const int32_t id = sampler_.take(drawn);
  if (matcher_) matcher_->accept(id);
  note_time();
  append(id);
}

void GenerationSequence::settle(int64_t guessed, int64_t right) {
  lookup_.learn(guessed, right);
  if (!finished) lookup_.guess(tokens, guesses);
}

void GenerationSequence::note_time() {
  if (result_.ids.empty()) result_.seconds_to_first_token = seconds();
}

void GenerationSequence::append(int32_t id) {
  tokens.push_back(id);
  ++appended;
  result_.ids.push_back(id);
  new_ids_.push_back(id);
  new_text_ += push(id);
}

void GenerationSequence::emit(const StreamEvent& event) {
  if (!job_->callback || job_->callback(event)) return;
  job_->callback = {};
  job_->cancel();
}

void GenerationSequence::tell() {
  if (finished) return;  // the last event brings it, with the result
  emit({result_.index, std::exchange(new_text_, {}), std::exchange(new_ids_, {}), false, nullptr});
}

void GenerationSequence::complete() { deliver(result_.finish_reason); }

void GenerationSequence::cancel() {
  new_text_ += text_.finish();
  deliver("cancelled");
}

void GenerationSequence::deliver(const std::string& reason) {
  try {
    result_.finish_reason = reason;
    result_.text = text_.text();
    result_.completion_tokens = std::ssize(result_.ids);
    result_.cached_tokens = cached_tokens;
    read_tool_calls();
    result_.seconds = seconds();
    emit({result_.index, std::move(new_text_), std::move(new_ids_), true, &result_});
    job_->results[static_cast<size_t>(result_.index)] = std::move(result_);
    job_->part_done();
  } catch (...) {
    job_->part_done(std::current_exception());
  }
}

// Markers of calls may be special tokens, which `text` leaves out: calls are read from the text with them.
void GenerationSequence::read_tool_calls() {
  result_.content = result_.text;
  if (plan_->format == text::ToolCallFormat::none || result_.finish_reason == "cancelled") return;
  std::vector<int32_t> ids = result_.ids;
  const auto& stops = plan_->stop_ids;
  if (!ids.empty() && std::find(stops.begin(), stops.end(), ids.back()) != stops.end()) ids.pop_back();
  auto parsed = text::parse_tool_calls(text_.stopped() ? result_.text : plan_->tokenizer->decode(ids, false),
                                       plan_->format);
  result_.tool_call_error = std::move(parsed.error);
  if (parsed.calls.empty()) return;
  result_.content = std::move(parsed.content);
  for (size_t i = 0; i < parsed.calls.size(); ++i) {
    auto& call = parsed.calls[i];
    result_.tool_calls.push_back(
        {std::move(call.name), std::move(call.arguments), "call_" + std::to_string(i)});
  }
  if (result_.finish_reason == "stop") result_.finish_reason = "tool_calls";
}

std::unique_ptr<SequenceGroup> make_group(const std::shared_ptr<Generation::Impl>& job,
                                          const std::shared_ptr<const GenerationPlan>& plan) {
  auto group = std::make_unique<SequenceGroup>();
  for (int64_t index = 0; index < plan->sampling.n; ++index)
    group->sequences.push_back(std::make_unique<GenerationSequence>(job, plan, index));
  return group;
}

}  // namespace whorl::serve
