#include "eval/scoring.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "eval/task_json.h"

namespace whorl::eval {

using base::Json;

const char* name_of(Value::Kind kind) {
  constexpr const char* names[] = {"scored", "errored", "unparsable", "refused"};
  return names[static_cast<size_t>(kind)];
}

Score Metric::total(size_t, const std::vector<Value>& counted, uint64_t) const {
  std::vector<double> values;
  for (const auto& value : counted) values.push_back(value.value);
  return summarize(values);
}

std::vector<std::vector<Value>> RowMetric::score(const std::vector<Case>& cases, const Bench&) const {
  std::vector<std::vector<Value>> out(names().size());
  for (const Case& one : cases) {
    std::vector<Value> values;
    if (!one.answer->error.empty()) {
      values.assign(out.size(), Value::errored(one.answer->error));
    } else if (one.answer->finish_reason == "refused") {
      values.assign(out.size(), Value::refused("the model declined"));
    } else {
      try {
        values = score_row(one);
      } catch (const std::invalid_argument& error) {
        values.assign(out.size(), Value::errored(error.what()));
      }
    }
    for (size_t i = 0; i < out.size(); ++i) out[i].push_back(std::move(values[i]));
  }
  return out;
}

std::string Texts::candidate(const Case& one) const {
  return options.candidate.empty() ? one.answer->content : templates->render(options.candidate, one.context);
}

std::vector<std::string> Texts::references(const Case& one) const {
  std::vector<std::string> out;
  for (const auto& reference : options.references) out.push_back(templates->render(reference, one.context));
  if (!out.empty()) return out;
  base::check_argument(one.question->expected.has_value(),
                       "the row has no answer of its own; give `references`");
  return {one.question->expected->content};
}

std::vector<ToolCall> Texts::calls(const Case& one) const {
  if (options.tool_calls_ground_truth.empty()) {
    base::check_argument(one.question->expected.has_value(),
                         "the row has no answer of its own; give `tool_calls_ground_truth`");
    return one.question->expected->tool_calls;
  }
  const std::string text = templates->render(options.tool_calls_ground_truth, one.context);
  return calls_from(base::parse_json(text, "tool_calls_ground_truth"), "tool_calls_ground_truth");
}

namespace {

struct Maker {
  const char* type;
  std::unique_ptr<Metric> (*make)(const std::string&, const std::string&, const Texts&, const Json&);
};

// NeMo's names and the library's; '-' is '_'.
constexpr Maker kMakers[] = {
    {"exact_match", make_text_metric},
    {"em", make_text_metric},
    {"squad", make_text_metric},
    {"accuracy", make_text_metric},
    {"f1", make_text_metric},
    {"rouge", make_text_metric},
    {"mcc", make_corpus_metric},
    {"bleu", make_corpus_metric},
    {"chrf", make_corpus_metric},
    {"chrf++", make_corpus_metric},
    {"ter", make_corpus_metric},
    {"string_check", make_check_metric},
    {"number_check", make_check_metric},
    {"json_schema", make_check_metric},
    {"function_name_accuracy", make_call_metric},
    {"function_name_and_args_accuracy", make_call_metric},
    {"tool_calling", make_call_metric},
    {"bfcl", make_call_metric},
    {"llm_judge", make_judge_metric},
    {"llm_judge_pairwise", make_judge_metric},
};

void count(Value::Kind kind, Score& score) {
  score.errored += kind == Value::Kind::errored;
  score.unparsable += kind == Value::Kind::unparsable;
  score.refused += kind == Value::Kind::refused;
}

}  // namespace

std::unique_ptr<Metric> make_metric(const MetricOptions& options, const Templates& templates) {
  const std::string type = plain_type(options.type),
                    name = options.name.empty() ? options.type : options.name;
  const std::string context = "[Evaluator.run] metric '" + name + "'";
  const Json params = options.params.empty() ? Json::object() : base::parse_json(options.params, context);
  base::check_argument(params.is_object(), context, ": expected params to be an object, got ",
                       base::kind_of(params));
  std::vector<std::string> known = {"perplexity"};
  for (const auto& maker : kMakers) {
    known.emplace_back(maker.type);
    if (type == maker.type) return maker.make(type, name, {&templates, options}, params);
  }
  base::invalid("[Evaluator.run] unknown metric '", base::printable(options.type), "'",
                base::did_you_mean(type, known));
}

void add_scores(const Metric& metric, const std::vector<Case>& cases, const Bench& bench, bool exclude,
                EvaluateResult& result) {
  const auto names = metric.names();
  const auto values = metric.score(cases, bench);
  for (size_t n = 0; n < names.size(); ++n) {
    Score counts;
    std::vector<Value> counted;
    std::string first_why;
    for (size_t row = 0; row < cases.size(); ++row) {
      Value value = values[n][row];
      RowScore& out = result.rows[row];
      if (value.kind != Value::Kind::scored) {
        count(value.kind, counts);
        out.outcomes[names[n]] = name_of(value.kind);
        if (out.error.empty()) out.error = value.why;
        if (first_why.empty()) first_why = out.source + ": " + value.why;
        const auto worst = exclude ? std::nullopt : metric.worst(n, cases[row]);
        if (!worst) continue;
        value = *worst;
      }
      out.scores[names[n]] = value.value;
      if (!value.counts.empty()) out.counts[names[n]] = value.counts;
      counted.push_back(std::move(value));
    }
    base::check_argument(counts.errored < std::ssize(cases), "[Evaluator.run] metric '", names[n],
                         "': no row could be scored; ", first_why);
    Score score = counted.empty() ? Score{.method = "no rows"} : metric.total(n, counted, bench.seed);
    if (const CorpusMetric* corpus = metric.corpus(n)) result.corpus_metrics.emplace(names[n], *corpus);
    score.errored = counts.errored;
    score.unparsable = counts.unparsable;
    score.refused = counts.refused;
    result.scores[names[n]] = score;
  }
  metric.add_whole(cases, values, bench, result);
}

}  // namespace whorl::eval
