#include "eval/judge_trust.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/check.h"

namespace whorl::eval {

using base::concat;

namespace {

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool is_option(const JudgeOptions& options, const std::string& text) {
  return std::find(options.options.begin(), options.options.end(), text) != options.options.end();
}

std::string options_text(const JudgeOptions& options) {
  std::string out;
  for (const auto& option : options.options) out += (out.empty() ? "'" : ", '") + option + "'";
  return out;
}

// Two digits are enough for a warning; the score has them all.
std::string short_text(double value) {
  char out[32];
  std::snprintf(out, sizeof out, "%.2f", std::abs(value) < .005 ? 0 : value);
  return out;
}

std::string verdict_of(const Value& value) {
  return value.kind == Value::Kind::scored ? "'" + value.label + "'" : name_of(value.kind);
}

}  // namespace

std::vector<Judged> judged_canaries(const JudgeOptions& options, const Templates& templates,
                                    const std::string& where) {
  std::vector<Judged> out;
  for (const auto& canary : options.canaries) {
    const std::string which = concat(where, ": canary ", out.size() + 1);
    base::check_argument(is_option(options, canary.verdict), which, ": expected its verdict to be one of ",
                         options_text(options), ", got '", canary.verdict, "'");
    std::string criteria = canary.criteria;
    try {
      if (criteria.empty()) criteria = templates.render(options.criteria, "{}");
    } catch (const TemplateError&) {
      base::invalid(which, ": the judge's criteria speak of the row; give the canary `criteria` of its own");
    }
    out.push_back(
        {concat("canary ", out.size() + 1), criteria, canary.question, canary.answer, canary.reference});
  }
  return out;
}

void add_canaries(const Bench& bench, const JudgeOptions& options, const std::vector<Judged>& canaries,
                  const std::string& name, EvaluateResult& result) {
  JudgeOptions plain = options;
  plain.expectation = false;
  const auto verdicts = judge_answers(bench, plain, canaries);
  std::vector<double> right;
  std::string wrong;
  for (size_t i = 0; i < verdicts.size(); ++i) {
    const Value& value = verdicts[i].value;
    const std::string& known = options.canaries[i].verdict;
    right.push_back(value.kind == Value::Kind::scored && value.label == known ? 1 : 0);
    if (right.back() == 0)
      wrong += concat(wrong.empty() ? "" : "; ", i + 1, ": ", verdict_of(value), " instead of '", known, "'");
  }
  result.scores[name + ".canaries"] = summarize(right);
  if (wrong.empty()) return;
  result.warnings.push_back(concat(name, ": the judge is not to be trusted: it failed ",
                                   std::count(right.begin(), right.end(), 0.0), " of ", right.size(),
                                   " canaries (", wrong, ")"));
}

std::string label_of(const JudgeOptions& options, const Templates& templates, const std::string& context) {
  const std::string label = trimmed(templates.render(options.label, context));
  base::check_argument(label.empty() || is_option(options, label), "the row's label '",
                       base::printable(label), "' is none of the judge's options ", options_text(options));
  return label;
}

void add_agreement(const std::vector<Labelled>& rows, const std::string& name, EvaluateResult& result) {
  std::vector<std::string> people, judge;
  for (const auto& row : rows) {
    people.push_back(row.label);
    judge.push_back(row.verdict);
  }
  if (rows.empty()) {
    result.warnings.push_back(name +
                              ": no row that was judged has a label: nobody knows what it agrees with");
    return;
  }
  const Score kappa = cohens_kappa(people, judge);
  result.scores[name + ".kappa"] = kappa;
  const bool one_label = people == judge && std::count(judge.begin(), judge.end(), judge[0]) == kappa.n;
  if (one_label)
    result.warnings.push_back(concat(name, ": all ", kappa.n, " labels and verdicts are '", judge[0],
                                     "': kappa says nothing about the judge"));
  else if (kappa.ci_low <= 0)
    result.warnings.push_back(concat(name, ": the judge is not to be trusted: with ", kappa.n,
                                     " labels its agreement is not told from chance (kappa ",
                                     short_text(kappa.value), ", 95 % interval ", short_text(kappa.ci_low),
                                     " to ", short_text(kappa.ci_high), ")"));
}

}  // namespace whorl::eval
