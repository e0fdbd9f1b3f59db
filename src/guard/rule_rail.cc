#include "guard/rule_rail.h"

#include <algorithm>

#include "base/check.h"

namespace whorl::guard {

namespace {

std::unique_ptr<PatternSet> compiled(const std::vector<Rule>& rules, std::string_view context,
                                     bool normalise) {
  std::vector<PatternSpec> patterns;
  for (const Rule& rule : rules) {
    patterns.push_back(rule.pattern);
    patterns.back().name = rule.name;
  }
  return std::make_unique<PatternSet>(std::move(patterns), context, normalise);
}

class RuleScan : public Scan {
 public:
  explicit RuleScan(const RuleRail& rail) : rail_(rail), cursor_(rail.patterns()) {}

  size_t advance(const Text& text, std::vector<Finding>* findings) override {
    return cursor_.advance(text, [&](const PatternMatch& match) {
      const Rule& rule = rail_.rules()[match.pattern];
      if (rule.accepts && !rule.accepts(match.matched)) return;
      Finding finding = rail_.finding_of(match.pattern);
      finding.begin = match.begin;
      finding.end = match.end;
      findings->push_back(std::move(finding));
    });
  }

 private:
  const RuleRail& rail_;
  PatternSet::Cursor cursor_;
};

}  // namespace

Rule rule_of(const Form& form, bool case_insensitive, Action action) {
  Rule rule;
  rule.name = form.name;
  rule.reason = form.reason;
  rule.pattern = {form.name, form.pattern, case_insensitive, false, true};
  rule.action = action;
  return rule;
}

RuleRail::RuleRail(std::string name, std::vector<Rule> rules, std::string_view context, bool normalise)
    : name_(std::move(name)),
      normalise_(normalise),
      rules_(std::move(rules)),
      patterns_(compiled(rules_, context, normalise)) {}

std::unique_ptr<Scan> RuleRail::scan() const { return std::make_unique<RuleScan>(*this); }

Finding RuleRail::finding_of(size_t i) const {
  const Rule& rule = rules_[i];
  Finding out;
  out.rail = rule.rail.empty() ? name_ : rule.rail;
  out.rule = rule.name;
  out.reason = rule.reason;
  out.action = rule.action;
  out.replacement = rule.replacement;
  return out;
}

bool RuleRail::plain() const {
  return normalise_ &&
         std::none_of(rules_.begin(), rules_.end(), [](const Rule& r) { return r.pattern.allow; });
}

Rails merged(const Rails& rails) {
  Rails out;
  std::vector<Rule> together;
  size_t count = 0;
  for (const auto& rail : rails) {
    const auto* rules = dynamic_cast<const RuleRail*>(rail.get());
    if (!rules || !rules->plain()) {
      out.push_back(rail);
      continue;
    }
    ++count;
    for (const Rule& rule : rules->rules()) {
      together.push_back(rule);
      if (together.back().rail.empty()) together.back().rail = rules->name();
    }
    if (auto rest = rules->besides_rules()) out.push_back(std::move(rest));
  }
  if (count < 2) return rails;
  out.push_back(std::make_shared<RuleRail>("rules", std::move(together), built_in));
  return out;
}

std::shared_ptr<const TextRail> make_pattern_rail(const PatternOptions& options, std::string_view context) {
  std::vector<Rule> rules;
  const auto add = [&](const PatternRule& given, bool allow) {
    Rule rule;
    rule.name = given.name.empty() ? given.pattern : given.name;
    rule.reason = "the text matches the pattern '" + rule.name + "'";
    rule.pattern = {rule.name, given.pattern, given.case_insensitive, allow, options.normalise};
    rule.action = given.action;
    rule.replacement = given.replacement;
    rules.push_back(std::move(rule));
  };
  for (const PatternRule& rule : options.deny) add(rule, false);
  for (const PatternRule& rule : options.allow) add(rule, true);
  return std::make_shared<RuleRail>(options.rail, std::move(rules), context, options.normalise);
}

}  // namespace whorl::guard
