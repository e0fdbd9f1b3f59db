// Checks of one answer: strings, numbers, JSON Schema.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "eval/scoring.h"

namespace whorl::eval {
namespace {

using base::Json;

class Check : public RowMetric {
 public:
  Check(std::string name, Texts texts, bool numbers, double epsilon)
      : name_(std::move(name)), texts_(std::move(texts)), numbers_(numbers), epsilon_(epsilon) {}
  std::vector<std::string> names() const override { return {name_}; }
  CheckResult checked(const std::string& left, const std::string& right) const {
    const std::string& operation = texts_.options.check[1];
    return numbers_ ? number_check(operation, left, right, epsilon_) : string_check(operation, left, right);
  }

 protected:
  std::vector<Value> score_row(const Case& one) const override {
    const auto& check = texts_.options.check;
    const CheckResult result = checked(texts_.templates->render(check[0], one.context),
                                       texts_.templates->render(check[2], one.context));
    return {result.error.empty() ? Value::of(result.score) : Value::unparsable(result.error)};
  }

 private:
  std::string name_;
  Texts texts_;
  bool numbers_;
  double epsilon_;
};

class Schema : public RowMetric {
 public:
  Schema(std::string name, Texts texts, const std::string& schema)
      : name_(std::move(name)), texts_(std::move(texts)), schema_(schema) {}
  std::vector<std::string> names() const override { return {name_}; }

 protected:
  std::vector<Value> score_row(const Case& one) const override {
    const std::string candidate = texts_.candidate(one);
    if (!Json::accept(candidate)) return {Value::unparsable("the answer is not JSON")};
    return {Value::of(schema_.is_valid(candidate) ? 1 : 0)};
  }

 private:
  std::string name_;
  Texts texts_;
  JsonSchema schema_;
};

}  // namespace

std::unique_ptr<Metric> make_check_metric(const std::string& type, const std::string& name,
                                          const Texts& texts, const Json& params) {
  const std::string context = "[Evaluator.run] metric '" + name + "'", where = context + ": params";
  if (type == "json_schema") {
    base::check_known_keys(params, {"schema"}, where);
    const Json& schema = base::require(params, "schema", where);
    return std::make_unique<Schema>(name, texts,
                                    schema.is_string() ? schema.get<std::string>() : schema.dump());
  }
  base::check_known_keys(params, {"epsilon"}, where);
  base::check_argument(texts.options.check.size() == 3, context,
                       ": expected field 'check' to be [left, operation, right], got ",
                       texts.options.check.size(), " parts");
  auto made = std::make_unique<Check>(name, texts, type == "number_check",
                                      base::number_or(params, "epsilon", 0, where));
  made->checked("1", "1");  // an operation that is not known is told now
  return made;
}

}  // namespace whorl::eval
