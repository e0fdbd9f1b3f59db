#include "whorl/evaluator.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "eval/judge.h"
#include "eval/metrics.h"
#include "eval/rows.h"
#include "eval/run_folder.h"
#include "eval/scoring.h"
#include "eval/task_json.h"

namespace whorl {

using base::check_argument;
using base::Json;
using eval::Answer;
using eval::Case;
using eval::Contestant;
using eval::Question;
using Results = std::vector<EvaluateResult>;

namespace {

constexpr int64_t kParallelism = 256;
constexpr const char* kWhere = "[Evaluator.run] ";

// What one call does, checked before anything is computed.
struct Run {
  InferenceEngine& engine;
  const EvaluateData& data;
  const EvaluateOptions& options;
  EvaluateTask task;
  int64_t rows = 0;
  eval::Pace pace = {};
  bool exclude = false;
  std::vector<std::unique_ptr<eval::Metric>> metrics = {};
  std::vector<std::string> perplexities = {};  // names under which perplexity was asked for
  std::vector<Contestant> who = {};
};

EvaluateTask task_of(const EvaluateOptions& options) {
  if (options.task) return *options.task;
  check_argument(!options.metrics.empty(), kWhere, "expected at least one metric, got none");
  EvaluateTask task{.name = ""};
  for (const auto& metric : options.metrics) task.metrics.push_back({.type = metric, .name = metric});
  return task;
}

void check_options(const EvaluateData& data, const std::vector<std::string>& adapters,
                   const EvaluateOptions& options) {
  check_argument(!adapters.empty(), kWhere, "expected at least one adapter (\"\" is the base), got none");
  check_argument(options.limit >= 0, kWhere, "expected limit of at least 0, got ", options.limit);
  check_argument(options.parallelism >= 0, kWhere, "expected parallelism of at least 0, got ",
                 options.parallelism);
  check_argument(options.max_seconds >= 0 && options.max_seconds <= 1e9, kWhere,
                 "expected max_seconds of 0 to 1e9, got ", options.max_seconds);
  check_argument(data.size() > 0, kWhere, "expected at least one row, got none");
  check_argument(options.sampling.n == 1, kWhere, "expected sampling.n = 1, got ", options.sampling.n);
  const std::vector<std::string> known = {"wrong", "exclude"};
  check_argument(std::find(known.begin(), known.end(), options.on_error) != known.end(), kWhere,
                 "expected on_error \"wrong\" or \"exclude\", got '", options.on_error, "'",
                 base::did_you_mean(options.on_error, known));
}

eval::Pace pace_of(const EvaluateOptions& options, const EvaluateTask& task,
                   eval::Pace::Clock::time_point start) {
  eval::Pace out;
  out.parallelism = options.parallelism > 0 ? options.parallelism
                    : task.parallelism > 0  ? task.parallelism
                                            : kParallelism;
  if (options.max_seconds > 0)
    out.until = start + std::chrono::duration_cast<eval::Pace::Clock::duration>(
                            std::chrono::duration<double>(options.max_seconds));
  return out;
}

void take_metrics(Run& run, const eval::TaskPlan& plan) {
  std::set<std::string> seen;
  for (const auto& metric : run.task.metrics) {
    std::vector<std::string> names;
    if (eval::plain_type(metric.type) == eval::kPerplexity) {
      check_argument(run.data.impl()->dataset.has_value(), kWhere,
                     "perplexity is over the trained tokens of a Dataset's rows; these rows are none");
      names = {metric.name.empty() ? metric.type : metric.name};
      run.perplexities.push_back(names.front());
    } else {
      run.metrics.push_back(eval::make_metric(metric, plan.templates()));
      names = run.metrics.back()->names();
    }
    for (const auto& name : names)
      check_argument(seen.insert(name).second, kWhere, "metric '", name,
                     "' is asked for twice; give one of them another name");
  }
}

Json manifest(const Run& run) {
  Json adapters = Json::array();
  for (const auto& one : run.who) adapters.push_back({{"adapter", one.name}, {"digest", one.digest}});
  const auto& model = run.engine.model();
  return {{"whorl", version()},
          {"model", model.path().filename().string()},
          {"model_digest", model.digest()},
          {"device", model.device()},
          {"data_digest", run.data.digest()},
          {"adapters", adapters},
          {"task", eval::task_json(run.task)},
          {"rows", run.rows},
          {"sampling", eval::sampling_json(run.task.sampling.value_or(run.options.sampling))},
          {"on_error", run.options.on_error},
          {"seed", run.options.seed}};
}

std::vector<Answer> answers_of(const Run& run, const eval::TaskPlan& plan,
                               const std::vector<Question>& questions, eval::AnswerCache& cache) {
  if (run.metrics.empty()) return std::vector<Answer>(questions.size() * run.who.size());
  std::vector<eval::Asked> asked;
  std::vector<Answer> given;
  const std::string model = run.engine.model().digest();
  for (size_t row = 0; row < questions.size(); ++row)
    for (const auto& who : run.who) {
      if (run.task.type == "data") {
        given.push_back(plan.given_answer(run.data.impl()->items[row]));
        continue;
      }
      eval::Asked one{questions[row].request, "", questions[row].error};
      if (one.request) {
        one.request->adapter = who.name;
        one.key = eval::request_key(model, who.digest, *one.request);
      }
      asked.push_back(std::move(one));
    }
  return run.task.type == "data" ? given : eval::ask(run.engine, asked, cache, run.pace);
}

std::string shown(const Message& message) {
  return message.tool_calls.empty() ? message.content : eval::calls_json(message.tool_calls);
}

void add_rows(const Run& run, const std::vector<Question>& questions, const std::vector<Answer>& answers,
              size_t a, EvaluateResult& result) {
  for (size_t row = 0; row < questions.size(); ++row) {
    const auto& item = run.data.impl()->items[row];
    const Answer& answer = answers[row * run.who.size() + a];
    RowScore score{.id = item.id, .source = item.source, .prompt = questions[row].prompt};
    if (questions[row].expected) score.expected = shown(*questions[row].expected);
    score.got = answer.tool_calls.empty() ? answer.content : eval::calls_json(answer.tool_calls);
    score.error = answer.error.empty() ? answer.tool_call_error : answer.error;
    result.rows.push_back(std::move(score));
  }
}

// Rows without an answer of their own show what they are compared with.
void show_references(const Run& run, const eval::TaskPlan& plan, const std::vector<Case>& cases,
                     EvaluateResult& result) {
  const auto metric = std::find_if(run.task.metrics.begin(), run.task.metrics.end(),
                                   [](const MetricOptions& one) { return !one.references.empty(); });
  if (metric == run.task.metrics.end()) return;
  for (size_t row = 0; row < cases.size(); ++row) {
    if (!result.rows[row].expected.empty()) continue;
    try {
      result.rows[row].expected = plan.templates().render(metric->references.front(), cases[row].context);
    } catch (const eval::TemplateError&) {  // the metric says so where it counts
    }
  }
}

void add_perplexity(const Run& run, const Contestant& who, eval::AnswerCache& cache, EvaluateResult& result) {
  const auto tokens =
      eval::score_tokens(run.engine, *run.data.impl()->dataset, run.rows, who, cache, run.pace);
  std::vector<eval::Share> shares;
  std::string why;
  for (size_t row = 0; row < tokens.size(); ++row) {
    const auto& [share, error] = tokens[row];
    for (const auto& name : run.perplexities) {
      if (error.empty())
        result.rows[row].scores[name] = std::exp(share.sum / static_cast<double>(share.count));
      else
        result.rows[row].outcomes[name] = "errored";
    }
    if (error.empty()) {
      shares.push_back(share);
      continue;
    }
    if (result.rows[row].error.empty()) result.rows[row].error = error;
    if (why.empty()) why = error;
  }
  check_argument(!shares.empty(), why.starts_with("[") ? "" : kWhere, why);
  Score score = eval::exponential_ratio(shares, run.options.seed);
  score.errored = static_cast<int64_t>(tokens.size() - shares.size());
  for (const auto& name : run.perplexities) result.scores[name] = score;
}

std::vector<Comparison> comparisons_of(const Run& run, const Results& results) {
  std::vector<Comparison> out;
  for (size_t b = 1; b < results.size(); ++b)
    for (const auto& [metric, score] : results[0].scores) {
      const bool common =
          std::any_of(results[0].rows.begin(), results[0].rows.end(), [&](const RowScore& row) {
            const auto& other = results[b].rows[static_cast<size_t>(&row - results[0].rows.data())];
            return row.scores.contains(metric) && other.scores.contains(metric);
          });
      if (common) out.push_back(compare(results[0], results[b], metric, {.seed = run.options.seed}));
    }
  return out;
}

}  // namespace

struct Evaluator::Impl {
  InferenceEngine& engine;
};

Evaluator::Evaluator(InferenceEngine& engine) : impl_(new Impl{engine}) {}
Evaluator::~Evaluator() = default;

EvaluateResult Evaluator::run(const EvaluateData& data, const std::string& adapter,
                              const EvaluateOptions& options) {
  return std::move(run(data, std::vector{adapter}, options).front());
}

Results Evaluator::run(const EvaluateData& data, const std::vector<std::string>& adapters,
                       const EvaluateOptions& options) {
  check_options(data, adapters, options);
  const auto start = std::chrono::steady_clock::now();
  Run run{impl_->engine, data, options, task_of(options)};
  const eval::TaskPlan plan(run.task, options.sampling);
  const int64_t limit = options.limit > 0 ? options.limit : run.task.limit;
  run.rows = limit > 0 ? std::min(limit, data.size()) : data.size();
  run.pace = pace_of(options, run.task, start);
  run.exclude = options.on_error == "exclude";
  take_metrics(run, plan);
  for (const auto& adapter : adapters) run.who.push_back(eval::resolve(run.engine, adapter));

  eval::RunFolder folder;
  if (!options.out.empty())
    folder = eval::RunFolder(options.out.string(), manifest(run), *base::FileSystem::real());
  const auto questions = run.metrics.empty() ? std::vector<Question>(static_cast<size_t>(run.rows))
                                             : eval::questions_of(plan, data, run.rows);
  const auto answers = answers_of(run, plan, questions, folder.answers());
  const eval::Bench bench{&run.engine, &folder.answers(), run.pace, options.seed};
  Results results;
  for (size_t a = 0; a < run.who.size(); ++a) {
    EvaluateResult result{run.task.name, run.who[a].name, run.who[a].digest, run.engine.model().digest(),
                          data.digest()};
    add_rows(run, questions, answers, a, result);
    std::vector<Case> cases;
    for (size_t row = 0; row < questions.size() && !run.metrics.empty(); ++row) {
      const Answer& answer = answers[row * run.who.size() + a];
      const auto& item = data.impl()->items[row];
      cases.push_back({&item, &questions[row], &answer, plan.context(item, questions[row], answer)});
    }
    show_references(run, plan, cases, result);
    for (const auto& metric : run.metrics) eval::add_scores(*metric, cases, bench, run.exclude, result);
    if (!run.perplexities.empty()) add_perplexity(run, run.who[a], folder.answers(), result);
    results.push_back(std::move(result));
  }
  if (!options.out.empty()) folder.finish(results, comparisons_of(run, results));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  for (auto& result : results) result.seconds = seconds.count();
  return results;
}

JudgedPairs Evaluator::judge(const EvaluateResult& a, const EvaluateResult& b, const JudgeOptions& options) {
  eval::AnswerCache cache;
  return eval::judge_results({&impl_->engine, &cache, {.parallelism = kParallelism}, 0}, a, b, options);
}

}  // namespace whorl
