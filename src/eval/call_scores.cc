// Metrics of tool calls.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "eval/scoring.h"

namespace whorl::eval {
namespace {

using base::Json;
using Match = double (*)(const std::vector<ToolCall>&, const std::vector<ToolCall>&);

struct NamedMatch {
  std::string name;
  Match match;
};

// A call that was begun and does not parse is no answer to the question which call was meant.
class Calls : public RowMetric {
 public:
  Calls(std::vector<NamedMatch> matches, Texts texts)
      : matches_(std::move(matches)), texts_(std::move(texts)) {}
  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& one : matches_) out.push_back(one.name);
    return out;
  }

 protected:
  std::vector<Value> score_row(const Case& one) const override {
    const auto expected = texts_.calls(one);
    const std::string& broken = one.answer->tool_call_error;
    std::vector<Value> out;
    for (const auto& named : matches_)
      out.push_back(broken.empty() ? Value::of(named.match(expected, one.answer->tool_calls))
                                   : Value::unparsable(broken));
    return out;
  }

 private:
  std::vector<NamedMatch> matches_;
  Texts texts_;
};

class Bfcl : public RowMetric {
 public:
  Bfcl(std::string name, Texts texts, std::string functions, std::string answers, bool strict)
      : name_(std::move(name)),
        texts_(std::move(texts)),
        functions_(std::move(functions)),
        answers_(std::move(answers)),
        strict_(strict) {}
  std::vector<std::string> names() const override { return {name_}; }

 protected:
  std::vector<Value> score_row(const Case& one) const override {
    if (!one.answer->tool_call_error.empty()) return {Value::unparsable(one.answer->tool_call_error)};
    const auto result =
        bfcl_ast_check(texts_.templates->render(functions_, one.context), one.answer->tool_calls,
                       texts_.templates->render(answers_, one.context), {.strict = strict_});
    return {Value::of(result.valid ? 1 : 0)};
  }

 private:
  std::string name_;
  Texts texts_;
  std::string functions_, answers_;
  bool strict_;
};

}  // namespace

std::unique_ptr<Metric> make_call_metric(const std::string& type, const std::string& name, const Texts& texts,
                                         const Json& params) {
  const std::string where = "[Evaluator.run] metric '" + name + "': params";
  if (type == "bfcl") {
    base::check_known_keys(params, {"functions", "possible_answers", "strict"}, where);
    return std::make_unique<Bfcl>(name, texts, base::require_string(params, "functions", where),
                                  base::require_string(params, "possible_answers", where),
                                  base::bool_or(params, "strict", false, where));
  }
  base::check_known_keys(params, std::vector<std::string>(), where);
  if (type == "function_name_accuracy")
    return std::make_unique<Calls>(std::vector<NamedMatch>{{name, function_name_match}}, texts);
  if (type == "function_name_and_args_accuracy")
    return std::make_unique<Calls>(std::vector<NamedMatch>{{name, function_name_and_args_match}}, texts);
  return std::make_unique<Calls>(
      std::vector<NamedMatch>{{name + ".function_name_accuracy", function_name_match},
                              {name + ".function_name_and_args_accuracy", function_name_and_args_match}},
      texts);
}

}  // namespace whorl::eval
