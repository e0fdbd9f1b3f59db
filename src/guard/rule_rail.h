#pragma once
// A rail that is a list of patterns, each with what its match means.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "guard/pattern_set.h"
#include "guard/rail.h"

namespace whorl::guard {

struct Rule {
  std::string rail;  // "" = the rail that has it
  std::string name, reason;
  PatternSpec pattern;
  Action action = Action::block;
  std::string replacement;
  // A last look at what matched; empty = none needed.
  std::function<bool(std::string_view matched)> accepts;
};

// A pattern of a built-in rail, as its table has it.
struct Form {
  const char *name, *reason, *pattern;
};
Rule rule_of(const Form& form, bool case_insensitive, Action action);

class RuleRail : public TextRail {
 public:
  RuleRail(std::string name, std::vector<Rule> rules, std::string_view context, bool normalise = true);
  const std::string& name() const override { return name_; }
  std::unique_ptr<Scan> scan() const override;
  Finding finding_of(size_t rule) const;
  const std::vector<Rule>& rules() const { return rules_; }
  const PatternSet& patterns() const { return *patterns_; }
  // Whether its patterns may be searched together with those of other rails: no exceptions, all views.
  bool plain() const;
  // What it looks for besides its rules, as a rail of its own; null = nothing.
  virtual std::shared_ptr<const TextRail> besides_rules() const { return nullptr; }

 private:
  std::string name_;
  bool normalise_;
  std::vector<Rule> rules_;
  std::unique_ptr<PatternSet> patterns_;
};

// The rails to ask instead of `rails`: those that are plain rules as one, which searches for all at once.
Rails merged(const Rails& rails);

// Opens messages about rules that are no user's: nobody should ever see one.
constexpr const char* built_in = "[guard] built-in rules";

}  // namespace whorl::guard
