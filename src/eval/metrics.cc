#include "eval/metrics.h"

#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/json.h"

namespace whorl::eval {
namespace {

using base::Json;

using Metric = double (*)(const Message&, const GenerateResult&);
struct Named {
  const char* name;
  Metric metric;
};

constexpr Named kMetrics[] = {
    {"function_name_accuracy",
     [](const Message& e, const GenerateResult& g) {
       return function_name_match(e.tool_calls, g.tool_calls);
     }},
    {"function_name_and_args_accuracy",
     [](const Message& e, const GenerateResult& g) {
       return function_name_and_args_match(e.tool_calls, g.tool_calls);
     }},
    {"exact_match",
     [](const Message& e, const GenerateResult& g) { return exact_match(e.content, g.content); }},
    {"accuracy", [](const Message& e, const GenerateResult& g) { return label_match(e.content, g.content); }},
    {"f1", [](const Message& e, const GenerateResult& g) { return token_f1(e.content, g.content); }},
};

}  // namespace

void check_metrics(const std::vector<std::string>& names) {
  base::check_argument(!names.empty(), "[Evaluator.run] expected at least one metric, got none");
  std::vector<std::string> known = {kPerplexity};
  for (const auto& entry : kMetrics) known.emplace_back(entry.name);
  std::set<std::string> seen;
  for (const auto& name : names) {
    base::check_argument(std::find(known.begin(), known.end(), name) != known.end(),
                         "[Evaluator.run] unknown metric '", name, "'", base::did_you_mean(name, known));
    base::check_argument(seen.insert(name).second, "[Evaluator.run] metric '", name, "' is asked for twice");
  }
}

double score_row(const std::string& metric, const Message& expected, const GenerateResult& got) {
  for (const auto& entry : kMetrics)
    if (metric == entry.name) return entry.metric(expected, got);
  base::invalid("[Evaluator.run] unknown metric '", metric, "'");
}

std::string calls_json(const std::vector<ToolCall>& calls) {
  Json out = Json::array();
  for (const auto& call : calls) {
    Json arguments = Json::parse(call.arguments, nullptr, false);
    if (arguments.is_discarded()) arguments = call.arguments;
    out.push_back({{"name", call.name}, {"arguments", std::move(arguments)}});
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace whorl::eval
