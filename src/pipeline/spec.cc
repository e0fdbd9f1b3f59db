#include "pipeline/spec.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/check.h"
#include "base/file.h"
#include "pipeline/expressions.h"

namespace whorl::pipeline {

const Step* Spec::find(std::string_view step) const {
  for (const auto& candidate : steps)
    if (candidate.name == step) return &candidate;
  return nullptr;
}

const Parameter* Spec::parameter(std::string_view name_of) const {
  for (const auto& candidate : parameters)
    if (candidate.name == name_of) return &candidate;
  return nullptr;
}

size_t Spec::index_of(std::string_view step) const {
  const Step* found = find(step);
  base::check_argument(found != nullptr, "no step '", base::printable(step, 80), "'");
  return static_cast<size_t>(found - steps.data());
}

bool Spec::is_exit(std::string_view step) const {
  return std::find(on_exit.begin(), on_exit.end(), step) != on_exit.end();
}

std::vector<size_t> needs_of(const Spec& spec, const Step& step) {
  std::set<size_t> found;
  const auto add = [&](const std::string& name) {
    if (spec.find(name) != nullptr) found.insert(spec.index_of(name));
  };
  for (const auto& name : step.needs) add(name);
  const auto use = [&](const Reference& reference, const std::string&) {
    if (reference.root == Reference::Root::steps) add(reference.name);
  };
  each_reference(step.with, use);
  for (const auto& condition : step.when) {
    each_reference(condition.left, use);
    each_reference(condition.right, use);
  }
  return {found.begin(), found.end()};
}

std::vector<size_t> order_of(const Spec& spec) {
  std::vector<size_t> order;
  std::vector<bool> placed(spec.steps.size(), false);
  const auto place_ready = [&](bool exits) {
    for (size_t i = 0; i < spec.steps.size(); ++i) {
      if (placed[i] || spec.is_exit(spec.steps[i].name) != exits) continue;
      const auto needs = needs_of(spec, spec.steps[i]);
      // An exit step runs after everything: what it refers to is there already.
      if (!std::all_of(needs.begin(), needs.end(), [&](size_t need) { return placed[need]; })) continue;
      placed[i] = true;
      order.push_back(i);
      return true;
    }
    return false;
  };
  while (place_ready(false)) {
  }
  while (place_ready(true)) {
  }
  return order;
}

std::string instance_name(const Step& step, size_t item) {
  return step.repeats() ? step.name + "." + std::to_string(item) : step.name;
}

bool satisfied(const FailurePolicy& policy, size_t succeeded, size_t counted) {
  if (policy.form == FailurePolicy::Form::all) return succeeded == counted;
  if (policy.form == FailurePolicy::Form::any) return succeeded >= 1 || counted == 0;
  return succeeded >= static_cast<size_t>(policy.at_least);
}

std::string to_text(const FailurePolicy& policy) {
  if (policy.form == FailurePolicy::Form::all) return "all";
  return policy.form == FailurePolicy::Form::any ? "any" : "at_least " + std::to_string(policy.at_least);
}

FailurePolicy parse_failure_policy(const std::string& text, const std::string& where) {
  if (text == "all") return {};
  if (text == "any") return {.form = FailurePolicy::Form::any};
  constexpr std::string_view kOpen = "at_least ";
  if (text.starts_with(kOpen)) {
    FailurePolicy made{.form = FailurePolicy::Form::at_least};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + kOpen.size(), end, made.at_least);
    if (error == std::errc() && stop == end && made.at_least >= 1) return made;
  }
  base::invalid(where, ": expected 'all', 'any' or 'at_least N' with N >= 1, got '",
                base::printable(text, 60), "'");
}

}  // namespace whorl::pipeline
