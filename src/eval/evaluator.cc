#include "whorl/evaluator.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "eval/metrics.h"
#include "eval/rows.h"

namespace whorl {
namespace {

using Results = std::vector<EvaluateResult>;

bool wants(const EvaluateOptions& options, const char* metric) {
  return std::find(options.metrics.begin(), options.metrics.end(), metric) != options.metrics.end();
}

std::string shown(const Message& expected) {
  return expected.tool_calls.empty() ? expected.content : eval::calls_json(expected.tool_calls);
}

void add_generated(InferenceEngine& engine, const Dataset& data, const std::vector<std::string>& adapters,
                   const EvaluateOptions& options, Results& results) {
  std::vector<GenerateRequest> requests;
  std::vector<Message> expected;
  for (int64_t i = 0; i < data.size(); ++i) {
    auto question = eval::question_of(data[i], options.sampling);
    expected.push_back(std::move(question.expected));
    for (const auto& adapter : adapters) {
      requests.push_back(question.request);
      requests.back().adapter = adapter;
    }
  }
  const auto answers = engine.generate(requests);
  for (size_t i = 0; i < answers.size(); ++i) {
    const size_t row = i / adapters.size();
    const GenerateResult& got = answers[i].front();
    EvaluateResult& result = results[i % adapters.size()];
    result.adapter = got.adapter;
    RowScore& score = result.rows[row];
    score.expected = shown(expected[row]);
    score.got = got.tool_calls.empty() ? got.content : eval::calls_json(got.tool_calls);
    score.error = got.tool_call_error;
    for (const auto& metric : options.metrics)
      if (metric != eval::kPerplexity) score.scores[metric] = eval::score_row(metric, expected[row], got);
  }
}

void add_perplexity(InferenceEngine& engine, const Dataset& data, const std::vector<std::string>& adapters,
                    const EvaluateOptions& options, Results& results) {
  auto shares = eval::score_tokens(engine, data, adapters);
  for (size_t a = 0; a < adapters.size(); ++a) {
    for (size_t row = 0; row < shares[a].size(); ++row) {
      const auto& share = shares[a][row];
      if (share.count > 0)
        results[a].rows[row].scores[eval::kPerplexity] =
            std::exp(share.sum / static_cast<double>(share.count));
    }
    std::erase_if(shares[a], [](const eval::Share& share) { return share.count == 0; });
    base::check_argument(!shares[a].empty(), "[Evaluator.run] no row has a token that could be scored");
    results[a].scores[eval::kPerplexity] = eval::exponential_ratio(shares[a], options.seed);
  }
}

void add_means(const EvaluateOptions& options, EvaluateResult& result) {
  for (const auto& metric : options.metrics) {
    if (metric == eval::kPerplexity) continue;
    std::vector<double> values;
    for (const auto& row : result.rows) values.push_back(row.scores.at(metric));
    result.scores[metric] = summarize(values);
  }
}

}  // namespace

struct Evaluator::Impl {
  InferenceEngine& engine;
};

Evaluator::Evaluator(InferenceEngine& engine) : impl_(new Impl{engine}) {}
Evaluator::~Evaluator() = default;

EvaluateResult Evaluator::run(const Dataset& data, const std::string& adapter,
                              const EvaluateOptions& options) {
  return std::move(run(data, std::vector{adapter}, options).front());
}

Results Evaluator::run(const Dataset& data, const std::vector<std::string>& adapters,
                       const EvaluateOptions& options) {
  eval::check_metrics(options.metrics);
  base::check_argument(!adapters.empty(),
                       "[Evaluator.run] expected at least one adapter (\"\" is the base), got none");
  base::check_argument(options.limit >= 0, "[Evaluator.run] expected limit of at least 0, got ",
                       options.limit);
  base::check_argument(data.size() > 0, "[Evaluator.run] expected at least one row, got none");
  base::check_argument(options.sampling.n == 1, "[Evaluator.run] expected sampling.n = 1, got ",
                       options.sampling.n);
  const auto start = std::chrono::steady_clock::now();
  const Dataset rows = options.limit > 0 ? data.take(std::min(options.limit, data.size())) : data;
  Results results(adapters.size());
  for (size_t a = 0; a < adapters.size(); ++a) {
    results[a].adapter = adapters[a];
    for (int64_t i = 0; i < rows.size(); ++i) results[a].rows.push_back({.source = rows[i].source});
  }
  const bool perplexity = wants(options, eval::kPerplexity);
  if (options.metrics.size() > (perplexity ? 1u : 0u))
    add_generated(impl_->engine, rows, adapters, options, results);
  if (perplexity) add_perplexity(impl_->engine, rows, adapters, options, results);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  for (auto& result : results) {
    add_means(options, result);
    result.seconds = seconds.count();
  }
  return results;
}

std::string EvaluateResult::to_json() const {
  base::Json out = {{"adapter", adapter},
                    {"seconds", seconds},
                    {"scores", base::Json::object()},
                    {"rows", base::Json::array()}};
  for (const auto& [metric, score] : scores)
    out["scores"][metric] = {{"value", score.value},   {"stderr", score.stderr_},
                             {"ci_low", score.ci_low}, {"ci_high", score.ci_high},
                             {"n", score.n},           {"method", score.method}};
  for (const auto& row : rows) {
    base::Json entry = {
        {"source", row.source}, {"expected", row.expected}, {"got", row.got}, {"scores", row.scores}};
    if (!row.error.empty()) entry["error"] = row.error;
    out["rows"].push_back(std::move(entry));
  }
  return out.dump(2, ' ', false, base::Json::error_handler_t::replace);
}

}  // namespace whorl
