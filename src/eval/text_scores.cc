// Metrics that compare one text with its references; the best reference counts.
#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "eval/metrics.h"
#include "eval/scoring.h"

namespace whorl::eval {
namespace {

using base::Json;
using Compare = std::function<double(const std::string& reference, const std::string& candidate)>;

class BestOf : public RowMetric {
 public:
  BestOf(std::string name, Texts texts, Compare compare)
      : name_(std::move(name)), texts_(std::move(texts)), compare_(std::move(compare)) {}
  std::vector<std::string> names() const override { return {name_}; }

 protected:
  std::vector<Value> score_row(const Case& one) const override {
    const std::string candidate = texts_.candidate(one);
    double best = 0;
    for (const auto& reference : texts_.references(one))
      best = std::max(best, compare_(reference, candidate));
    return {Value::of(best)};
  }

 private:
  std::string name_;
  Texts texts_;
  Compare compare_;
};

class Squad : public RowMetric {
 public:
  Squad(std::string name, Texts texts) : name_(std::move(name)), texts_(std::move(texts)) {}
  std::vector<std::string> names() const override { return {name_ + ".exact_match", name_ + ".f1"}; }

 protected:
  std::vector<Value> score_row(const Case& one) const override {
    const SquadScore score = squad(texts_.references(one), texts_.candidate(one));
    return {Value::of(score.exact_match), Value::of(score.f1)};
  }

 private:
  std::string name_;
  Texts texts_;
};

class Rouge : public RowMetric {
 public:
  Rouge(std::string name, Texts texts, RougeOptions options)
      : name_(std::move(name)), texts_(std::move(texts)), options_(std::move(options)) {}
  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& type : options_.types) out.push_back(name_ + "." + type);
    return out;
  }

 protected:
  std::vector<Value> score_row(const Case& one) const override {
    const auto scores = rouge(texts_.references(one), texts_.candidate(one), options_);
    std::vector<Value> out;
    for (const auto& type : options_.types) out.push_back(Value::of(scores.at(type).fmeasure));
    return out;
  }

 private:
  std::string name_;
  Texts texts_;
  RougeOptions options_;
};

std::unique_ptr<Metric> make_exact(const std::string& name, const Texts& texts, const Json& params,
                                   const std::string& where) {
  base::check_known_keys(params, {"regexes_to_ignore", "ignore_case", "ignore_punctuation", "ignore_numbers"},
                         where);
  if (params.empty())
    return std::make_unique<BestOf>(name, texts, [](const std::string& reference, const std::string& got) {
      return exact_match(reference, got);
    });
  ExactMatchOptions options;
  if (base::has(params, "regexes_to_ignore"))
    options.regexes_to_ignore = base::require_strings(params, "regexes_to_ignore", where);
  options.ignore_case = base::bool_or(params, "ignore_case", false, where);
  options.ignore_punctuation = base::bool_or(params, "ignore_punctuation", false, where);
  options.ignore_numbers = base::bool_or(params, "ignore_numbers", false, where);
  exact_match("", "", options);  // a pattern that cannot be used is told now
  return std::make_unique<BestOf>(name, texts,
                                  [options](const std::string& reference, const std::string& got) {
                                    return exact_match(reference, got, options);
                                  });
}

}  // namespace

std::unique_ptr<Metric> make_text_metric(const std::string& type, const std::string& name, const Texts& texts,
                                         const Json& params) {
  const std::string where = "[Evaluator.run] metric '" + name + "': params";
  if (type == "exact_match") return make_exact(name, texts, params, where);
  if (type == "rouge") {
    base::check_known_keys(params, {"types", "use_stemmer"}, where);
    RougeOptions options;
    if (base::has(params, "types")) options.types = base::require_strings(params, "types", where);
    options.use_stemmer = base::bool_or(params, "use_stemmer", false, where);
    rouge(std::string(), std::string(), options);  // a type that is not known is told now
    return std::make_unique<Rouge>(name, texts, options);
  }
  base::check_known_keys(params, std::vector<std::string>(), where);
  if (type == "squad") return std::make_unique<Squad>(name, texts);
  if (type == "accuracy") return std::make_unique<BestOf>(name, texts, label_match);
  if (type == "f1") return std::make_unique<BestOf>(name, texts, token_f1);
  return std::make_unique<BestOf>(name, texts, [](const std::string& reference, const std::string& got) {
    return squad({reference}, got).exact_match;  // "em"
  });
}

}  // namespace whorl::eval
