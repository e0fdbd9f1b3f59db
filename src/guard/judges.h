#pragma once
// Many questions to the engine at once: all flows and all texts share its batch, each with its own deadline.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "guard/verdicts.h"
#include "whorl/inference_engine.h"

namespace whorl::guard {

struct Question {
  GenerateRequest request;
  const AnswerForm* form = nullptr;
  int64_t budget_ms = 0;     // from the start of Judges; 0 = none
  std::string failure = {};  // not asked: why
};

struct Answer {
  std::optional<bool> blocks;  // empty: no answer, and `failure` says why
  std::string failure = {};
  std::string text = {};
  double score = -1, seconds = 0;
};

// The request for a prompt: through the model's chat template where it has one. Nothing in the messages
// becomes a control token either way.
GenerateRequest judge_request(const InferenceEngine& engine, const std::vector<Message>& messages,
                              const ModelEntry* judge);

class Judges {
 public:
  explicit Judges(InferenceEngine& engine)
      : engine_(engine), start_(Clock::now()), bell_(std::make_shared<Bell>()) {}
  ~Judges();  // cancels what was not collected
  Judges(const Judges&) = delete;
  Judges& operator=(const Judges&) = delete;

  void ask(Question question);    // starts it
  std::vector<Answer> collect();  // in the order asked; waits

 private:
  using Clock = std::chrono::steady_clock;
  struct Bell {  // rung by the engine's thread, which may outlive this object
    std::mutex mutex;
    std::condition_variable rang;
    size_t count = 0;
  };
  struct Running {
    Question question;
    std::optional<Generation> generation;
    Answer answer;
  };

  std::optional<Clock::time_point> deadline(const Question& question) const;
  void start(Running& running);
  bool wait(const Running& running);  // false: out of time
  void take(Running& running);
  bool any_running() const;
  void nap();

  InferenceEngine& engine_;
  Clock::time_point start_;
  std::shared_ptr<Bell> bell_;
  std::vector<Running> all_;
};

}  // namespace whorl::guard
