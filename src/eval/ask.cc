#include "eval/ask.h"

#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "base/check.h"

namespace whorl::eval {

using base::Json;
using Likelihood = InferenceEngine::Likelihood;

namespace {

// So much may be lost in a power cut, and is then asked again. A kill loses nothing.
constexpr std::chrono::seconds kSyncEvery{2};
constexpr int64_t kHurried = 8;

class Syncer {
 public:
  explicit Syncer(AnswerCache& cache) : cache_(cache) {}
  void kept() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < kSyncEvery) return;
    last_ = now;
    cache_.sync();
  }

 private:
  AnswerCache& cache_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

struct Running {
  size_t index;
  Generation generation;
};

// Ends what still runs when an error ends the evaluation.
struct Window {
  std::deque<Running> running;
  ~Window() {
    for (const auto& one : running) one.generation.cancel();
  }
};

Json likelihood_json(const Likelihood& likelihood) {
  return {{"greedy", likelihood.is_greedy}, {"logprobs", likelihood.token_logprobs}};
}

Likelihood likelihood_from(const Json& json) {
  Likelihood out;
  out.is_greedy = base::require_bool(json, "greedy", "[Evaluator.run] kept answer");
  for (const Json& value : base::require_array(json, "logprobs", "[Evaluator.run] kept answer")) {
    // JSON has no infinity.
    out.token_logprobs.push_back(value.is_null() ? -std::numeric_limits<double>::infinity()
                                                 : value.get<double>());
    out.logprob += out.token_logprobs.back();
  }
  return out;
}

// first[i] is where asked[i]'s question stands for the first time: there it is asked, once for all. What is
// no question stands for itself.
std::vector<size_t> first_askers(const std::vector<Asked>& asked) {
  std::unordered_map<std::string, size_t> seen;
  std::vector<size_t> first;
  for (size_t i = 0; i < asked.size(); ++i)
    first.push_back(asked[i].request ? seen.emplace(asked[i].key, i).first->second : i);
  return first;
}

}  // namespace

void Pace::check() const {
  if (Clock::now() >= until)
    base::failed("[Evaluator.run] not done within max_seconds; with `out` the same call goes on from here");
}

Contestant resolve(InferenceEngine& engine, const std::string& adapter) {
  GenerateRequest probe;
  probe.adapter = adapter;
  probe.prompt_ids = {0};
  probe.sampling.max_new_tokens = 1;
  const GenerateResult result = engine.generate(probe);
  return {result.adapter, result.adapter_digest};
}

std::vector<Answer> ask(InferenceEngine& engine, const std::vector<Asked>& asked, AnswerCache& cache,
                        const Pace& pace) {
  std::vector<Answer> answers(asked.size());
  Window window;
  Syncer syncer(cache);
  const auto settle = [&] {
    const Running one = std::move(window.running.front());
    window.running.pop_front();
    const Answer answer = answer_from(one.generation.wait().front());
    if (answer.finish_reason == "cancelled")
      base::failed("[Evaluator.run] the engine cancelled a request; run again to go on");
    cache.put(asked[one.index].key, to_json(answer));
    answers[one.index] = answer_from(*cache.find(asked[one.index].key), "[Evaluator.run] kept answer");
    syncer.kept();
    pace.check();
  };
  const auto first = first_askers(asked);
  for (size_t i = 0; i < asked.size(); ++i) {
    answers[i].error = asked[i].error;
    if (first[i] != i || !asked[i].request) continue;
    if (const Json* kept = cache.find(asked[i].key)) {
      answers[i] = answer_from(*kept, "[Evaluator.run] kept answer");
      continue;
    }
    while (std::ssize(window.running) >= pace.parallelism) settle();
    try {
      window.running.push_back({i, engine.submit(*asked[i].request)});
    } catch (const std::invalid_argument& error) {
      answers[i].error = error.what();
    }
  }
  while (!window.running.empty()) settle();
  cache.sync();
  for (size_t i = 0; i < asked.size(); ++i)
    if (first[i] != i) answers[i] = answers[first[i]];
  return answers;
}

std::vector<Likelihood> ask(InferenceEngine& engine, const std::vector<Scored>& asked, AnswerCache& cache,
                            const Pace& pace) {
  std::vector<size_t> missing;
  std::set<std::string> seen;
  for (size_t i = 0; i < asked.size(); ++i)
    if (!cache.find(asked[i].key) && seen.insert(asked[i].key).second) missing.push_back(i);
  // Nothing ends a batch of these once it has begun: with an end in sight they are asked in small ones.
  const bool hurried = pace.until != Pace::Clock::time_point::max();
  const auto step = static_cast<size_t>(hurried ? std::min(pace.parallelism, kHurried) : pace.parallelism);
  for (size_t begin = 0; begin < missing.size(); begin += step) {
    const size_t end = std::min(begin + step, missing.size());
    std::vector<InferenceEngine::LikelihoodRequest> batch;
    for (size_t k = begin; k < end; ++k) batch.push_back(asked[missing[k]].request);
    const auto found = engine.log_likelihood(batch);
    for (size_t k = begin; k < end; ++k) cache.put(asked[missing[k]].key, likelihood_json(found[k - begin]));
    cache.sync();
    pace.check();
  }
  std::vector<Likelihood> out;
  for (const auto& one : asked) out.push_back(likelihood_from(*cache.find(one.key)));
  return out;
}

}  // namespace whorl::eval
