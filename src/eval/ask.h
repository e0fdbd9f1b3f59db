#pragma once
// Many requests through one engine, with a bounded number in flight and every answer kept as it comes.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "eval/answer_cache.h"
#include "eval/answers.h"

namespace whorl::eval {

// An adapter as one evaluation uses it: `name` pins the version, so that a publish meanwhile changes nothing.
struct Contestant {
  std::string name, digest;
};
// std::invalid_argument for a name that the engine does not know.
Contestant resolve(InferenceEngine& engine, const std::string& adapter);

// A question, or why there is none.
struct Asked {
  std::optional<GenerateRequest> request = {};
  std::string key = {};  // of the cache
  std::string error = {};
};
// How much at once, and until when. std::runtime_error after the first answer behind that, with all that was
// answered kept: whoever asks again and again gets everywhere.
struct Pace {
  using Clock = std::chrono::steady_clock;
  int64_t parallelism = 256;
  Clock::time_point until = Clock::time_point::max();
  void check() const;
};
// answers[i] belongs to asked[i]; one key is asked once, however often it stands there. What the engine
// refuses (a prompt that is too long) is that answer's error; what fails otherwise ends the call, with all
// that was answered kept.
std::vector<Answer> ask(InferenceEngine& engine, const std::vector<Asked>& asked, AnswerCache& cache,
                        const Pace& pace);

struct Scored {
  InferenceEngine::LikelihoodRequest request;
  std::string key;
};
std::vector<InferenceEngine::Likelihood> ask(InferenceEngine& engine, const std::vector<Scored>& asked,
                                             AnswerCache& cache, const Pace& pace);

}  // namespace whorl::eval
