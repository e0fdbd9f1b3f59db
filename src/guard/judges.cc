#include "guard/judges.h"

#include <algorithm>

#include "base/check.h"
#include "text/model_text.h"

namespace whorl::guard {
namespace {

constexpr auto kNap = std::chrono::milliseconds(2);
// With nothing of ours running, a queue that stays full this long is somebody else's.
constexpr auto kFullQueue = std::chrono::seconds(30);
constexpr int64_t kAlternatives = 20;

std::string joined(const std::vector<Message>& messages) {
  std::string text;
  for (const auto& message : messages) text += (text.empty() ? "" : "\n\n") + message.content;
  return text;
}

std::vector<std::pair<std::string, double>> first_tokens(const Model& model, const GenerateResult& result) {
  std::vector<std::pair<std::string, double>> made;
  if (result.logprobs.empty()) return made;
  for (const auto& [id, logprob] : result.logprobs[0].top)
    made.emplace_back(model.decode({id}, true), logprob);
  return made;
}

}  // namespace

GenerateRequest judge_request(const InferenceEngine& engine, const std::vector<Message>& messages,
                              const ModelEntry* judge) {
  GenerateRequest request;
  if (judge && judge->judges_here()) request.adapter = judge->adapter();
  const Model& model = engine.model();
  base::check_argument(model.has_tokenizer(), "the model has no tokenizer");
  if (model.has_chat_template() && !(judge && judge->text_mode)) {
    request.messages = messages;
  } else {
    const auto text = text::model_text(model);
    request.prompt_ids = model.encode("", true);
    // A tokenizer may end what it encodes with an end-of-sequence token, which a prompt must not have.
    const auto is_end = [&](int32_t id) {
      return std::find(text.eos.begin(), text.eos.end(), id) != text.eos.end();
    };
    std::erase_if(request.prompt_ids, is_end);
    const auto ids = text.tokenizer->encode_ordinary(joined(messages));
    request.prompt_ids.insert(request.prompt_ids.end(), ids.begin(), ids.end());
  }
  request.sampling.logprobs = kAlternatives;
  return request;
}

Judges::~Judges() {
  for (const auto& running : all_)
    if (running.generation && !running.generation->done()) running.generation->cancel();
}

std::optional<Judges::Clock::time_point> Judges::deadline(const Question& question) const {
  if (question.budget_ms <= 0) return {};
  return start_ + std::chrono::milliseconds(question.budget_ms);
}

bool Judges::any_running() const {
  return std::any_of(all_.begin(), all_.end(), [](const Running& running) {
    return running.generation && !running.generation->done();
  });
}

void Judges::nap() {
  std::unique_lock lock(bell_->mutex);
  const size_t seen = bell_->count;
  bell_->rang.wait_for(lock, kNap, [&] { return bell_->count != seen; });
}

void Judges::ask(Question question) {
  all_.push_back({std::move(question), {}, {}});
  Running& running = all_.back();
  if (!running.question.failure.empty()) {
    running.answer.failure = running.question.failure;
    return;
  }
  try {
    start(running);
  } catch (const std::exception& error) {
    running.answer.failure = error.what();
  }
}

// submit() refuses when the queue is full; then this waits for a place.
void Judges::start(Running& running) {
  const auto until = deadline(running.question).value_or(Clock::now() + kFullQueue);
  while (true) {
    try {
      running.generation = engine_.submit(running.question.request, [bell = bell_](const StreamEvent& event) {
        if (!event.finished) return true;
        {
          std::lock_guard lock(bell->mutex);
          ++bell->count;
        }
        bell->rang.notify_all();
        return true;
      });
      return;
    } catch (const std::runtime_error&) {
      if (Clock::now() >= until && !(running.question.budget_ms == 0 && any_running())) throw;
    }
    nap();
  }
}

bool Judges::wait(const Running& running) {
  const auto until = deadline(running.question);
  while (!running.generation->done()) {
    if (until && Clock::now() >= *until) return false;
    nap();
  }
  return true;
}

void Judges::take(Running& running) {
  Answer& answer = running.answer;
  if (!wait(running)) {
    running.generation->cancel();
    answer.failure = base::concat("no answer within ", running.question.budget_ms, " ms");
    answer.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    return;
  }
  const auto results = running.generation->wait();
  const GenerateResult& result = results.at(0);
  answer.text = result.text;
  answer.seconds = result.seconds;
  answer.score = blocking_probability(*running.question.form, first_tokens(engine_.model(), result));
  answer.blocks = blocks(*running.question.form, result.text);
  if (!answer.blocks) answer.failure = "the judge's answer (" + result.finish_reason + ") is no verdict";
}

std::vector<Answer> Judges::collect() {
  std::vector<Answer> answers;
  for (auto& running : all_) {
    if (running.generation) {
      try {
        take(running);
      } catch (const std::exception& error) {
        running.answer.blocks.reset();
        running.answer.failure = error.what();
      }
    }
    answers.push_back(std::move(running.answer));
  }
  all_.clear();
  return answers;
}

}  // namespace whorl::guard
