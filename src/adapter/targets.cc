#include "adapter/targets.h"

#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"

namespace whorl::adapter {

namespace {

using base::invalid;
using base::printable;

constexpr size_t max_pattern_bytes = 16'384;

// Patterns come from files, so they run in linear time or not at all.
class Pattern {
 public:
  Pattern(const std::string& text, const std::string& field, const std::string& context,
          bool as_ending = false) {
    if (text.size() > max_pattern_bytes)
      invalid(context, ": ", field, " is a pattern of more than ", max_pattern_bytes, " bytes");
    RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(false);
    regex_ = std::make_unique<RE2>(as_ending ? "(?:.*\\.)?(?:" + text + ")" : text, options);
    if (!regex_->ok())
      invalid(context, ": ", field, " '", printable(text), "' is not a pattern that runs in linear time (",
              printable(regex_->error()), "); look-around and back-references cannot be used");
  }
  bool matches(const std::string& name) const { return RE2::FullMatch(name, *regex_); }
  const RE2& regex() const { return *regex_; }

 private:
  std::unique_ptr<RE2> regex_;
};

bool names_module(const std::string& target, const std::string& module) {
  if (module == target) return true;
  return module.size() > target.size() + 1 &&
         module.compare(module.size() - target.size(), target.size(), target) == 0 &&
         module[module.size() - target.size() - 1] == '.';
}

bool is_head(const std::string& name) { return names_module("lm_head", name); }

template <class Value>
class Overrides {
 public:
  Overrides(const std::vector<std::pair<std::string, Value>>& entries, const char* field,
            const std::string& context) {
    for (const auto& [key, value] : entries) entries_.emplace_back(Pattern(key, field, context, true), value);
  }
  Value value_for(const std::string& name, Value fallback) const {
    for (const auto& [pattern, value] : entries_)
      if (pattern.matches(name)) return value;
    return fallback;
  }

 private:
  std::vector<std::pair<Pattern, Value>> entries_;
};

// The layer number of a module: after one of the patterns, or, without patterns, the first number segment
// (a later one may count the experts of a layer).
class LayerFilter {
 public:
  LayerFilter(const LoraConfig& config, const std::string& context)
      : layers_(config.layers_to_transform.begin(), config.layers_to_transform.end()) {
    if (config.layers_pattern.empty()) patterns_.emplace_back(".*?\\.[^.]*\\.(\\d+)\\..*", "", context);
    for (const std::string& pattern : config.layers_pattern)
      patterns_.emplace_back("(?:|.*?\\.)(?:" + pattern + ")\\.(\\d+)\\..*", "layers_pattern", context);
  }
  bool passes(const std::string& name) const {
    if (layers_.empty()) return true;
    for (const Pattern& pattern : patterns_) {
      const int groups = pattern.regex().NumberOfCapturingGroups();
      std::vector<std::string> text(static_cast<size_t>(groups));
      std::vector<RE2::Arg> args;
      std::vector<const RE2::Arg*> pointers;
      for (std::string& t : text) args.emplace_back(&t);
      for (const RE2::Arg& a : args) pointers.push_back(&a);
      if (!RE2::FullMatchN(name, pattern.regex(), pointers.data(), groups)) continue;
      const std::string& number = text.back();
      return number.size() <= 9 && layers_.count(std::stoll(number)) > 0;
    }
    return false;
  }

 private:
  std::set<int64_t> layers_;
  std::vector<Pattern> patterns_;
};

class Matcher {
 public:
  Matcher(const LoraConfig& config, const std::string& context) : config_(config), layers_(config, context) {
    if (config.targets.kind == Targets::Kind::regex)
      target_.emplace_back(config.targets.regex, "target_modules", context);
    if (config.exclude.kind == Targets::Kind::regex)
      exclude_.emplace_back(config.exclude.regex, "exclude_modules", context);
    names_ = config.targets.names;
    if (config.targets.kind == Targets::Kind::family_default) names_ = {"q_proj", "v_proj"};
  }

  bool matches(const std::string& name) {
    if (excluded(name)) return false;
    if (!target_.empty()) return target_.front().matches(name);
    if (config_.targets.kind == Targets::Kind::all_linear) return !is_head(name);
    bool hit = false, exact = false;
    for (const std::string& target : names_) {
      if (!names_module(target, name)) continue;
      hit = true;
      exact = exact || target == name;
      used_.insert(target);
    }
    // A name given in full is meant whatever the layer filter says.
    return exact || (hit && layers_.passes(name));
  }

  // Entries of a list that named nothing so far.
  std::vector<std::string> unused() const {
    std::vector<std::string> out;
    if (config_.targets.kind == Targets::Kind::list)
      for (const std::string& target : names_)
        if (!used_.count(target)) out.push_back(target);
    return out;
  }

 private:
  bool excluded(const std::string& name) const {
    if (!exclude_.empty()) return exclude_.front().matches(name);
    return std::any_of(config_.exclude.names.begin(), config_.exclude.names.end(),
                       [&](const std::string& target) { return names_module(target, name); });
  }

  const LoraConfig& config_;
  LayerFilter layers_;
  std::vector<Pattern> target_, exclude_;
  std::vector<std::string> names_;
  std::set<std::string> used_;
};

std::string ending_of(const std::string& name) { return name.substr(name.rfind('.') + 1); }

ResolvedModule resolved(const LoraConfig& config, const Overrides<int64_t>& ranks,
                        const Overrides<double>& alphas, const std::string& name) {
  ResolvedModule out;
  out.rank = ranks.value_for(name, config.rank);
  out.alpha = alphas.value_for(name, config.alpha);
  out.scale = scale_of(out.alpha, out.rank, config.use_rslora);
  return out;
}

}  // namespace

Targets Targets::of_list(std::vector<std::string> names) {
  Targets out;
  out.kind = names.size() == 1 && names[0] == "all-linear" ? Kind::all_linear : Kind::list;
  if (out.kind == Kind::list) out.names = std::move(names);
  return out;
}

std::map<std::string, ResolvedModule> matching_modules(const LoraConfig& config,
                                                       const std::vector<std::string>& linear_names,
                                                       const std::string& context,
                                                       std::vector<std::string>* unused) {
  Matcher matcher(config, context);
  const Overrides<int64_t> ranks(config.rank_pattern, "rank_pattern", context);
  const Overrides<double> alphas(config.alpha_pattern, "alpha_pattern", context);
  std::map<std::string, ResolvedModule> out;
  for (const std::string& name : linear_names)
    if (matcher.matches(name)) out.emplace(name, resolved(config, ranks, alphas, name));
  if (unused) *unused = matcher.unused();
  return out;
}

std::map<std::string, ResolvedModule> resolve_targets(const LoraConfig& config,
                                                      const std::vector<std::string>& linear_names,
                                                      const std::string& context) {
  std::vector<std::string> unused;
  auto out = matching_modules(config, linear_names, context, &unused);
  if (!unused.empty()) {
    std::set<std::string> endings;
    for (const std::string& name : linear_names) endings.insert(ending_of(name));
    const std::vector<std::string> known(endings.begin(), endings.end());
    std::string list;
    for (const std::string& ending : known) list += (list.empty() ? "" : ", ") + ending;
    invalid(context, ": target_modules names '", printable(unused.front()), "', which no linear layer has",
            base::did_you_mean(unused.front(), known), " Endings here: ", list);
  }
  if (out.empty())
    invalid(context, ": target_modules matches none of the model's ", linear_names.size(), " linear layers");
  return out;
}

std::vector<std::string> target_list(const std::vector<std::string>& chosen,
                                     const std::vector<std::string>& linear_names) {
  const std::set<std::string> wanted(chosen.begin(), chosen.end());
  std::set<std::string> endings;
  for (const std::string& name : chosen) endings.insert(ending_of(name));
  for (const std::string& name : linear_names) {
    const bool hit = std::any_of(endings.begin(), endings.end(),
                                 [&](const std::string& e) { return names_module(e, name); });
    if (hit != (wanted.count(name) > 0)) return {wanted.begin(), wanted.end()};
  }
  return {endings.begin(), endings.end()};
}

std::map<std::string, ResolvedModule> resolve_modules(const LoraConfig& config,
                                                      const std::vector<std::string>& names,
                                                      const std::string& context) {
  const Overrides<int64_t> ranks(config.rank_pattern, "rank_pattern", context);
  const Overrides<double> alphas(config.alpha_pattern, "alpha_pattern", context);
  std::map<std::string, ResolvedModule> out;
  for (const std::string& name : names) out.emplace(name, resolved(config, ranks, alphas, name));
  return out;
}

}  // namespace whorl::adapter
