#include "guard/place_rails.h"

#include <algorithm>

#include "base/check.h"

namespace whorl::guard {
namespace {

std::string context_at(const std::string& where) { return "[Guardrail.load] " + where; }

std::vector<PatternRule> rules_of(const std::vector<PatternEntry>& entries, bool case_insensitive,
                                  Action action) {
  std::vector<PatternRule> rules;
  for (const auto& entry : entries) {
    PatternRule rule;
    rule.name = entry.name.empty() ? entry.pattern : entry.name;
    rule.pattern = entry.pattern;
    rule.case_insensitive = case_insensitive;
    rule.action = action;
    if (entry.replacement) rule.replacement = *entry.replacement;
    PatternOptions alone;  // so that a pattern that is refused is refused with its own line
    alone.deny = {rule};
    make_pattern_rail(alone, context_at(entry.where));
    rules.push_back(std::move(rule));
  }
  return rules;
}

void add_regex(const Config& config, Place place, const FlowEntry& flow, Rails& rails) {
  const RegexEntry& entry = config.regex[static_cast<int>(place)];
  const bool mask = flow.kind->check == Check::regex_redact;
  PatternOptions options;
  options.rail = flow.name;
  options.deny = rules_of(entry.patterns, entry.case_insensitive, mask ? Action::mask : Action::block);
  options.allow = rules_of(entry.allow, entry.case_insensitive, Action::report);
  rails.push_back(make_pattern_rail(options, context_at(entry.where)));
}

void add_recognizers(const Config& config, Place place, const FlowEntry& flow, Action action, Rails& rails) {
  const auto& data = config.sensitive_data[static_cast<int>(place)];
  for (const auto& recognizer : config.recognizers) {
    const bool wanted = data.entities.empty() || std::find(data.entities.begin(), data.entities.end(),
                                                           recognizer.entity) != data.entities.end();
    if (!wanted || recognizer.score < data.score_threshold) continue;
    PatternOptions options;
    options.rail = flow.name;
    options.deny = rules_of(recognizer.patterns, true, action);
    for (auto& rule : options.deny)
      rule.replacement = data.mask_token.empty() ? "<" + recognizer.entity + ">" : data.mask_token;
    rails.push_back(make_pattern_rail(options, context_at(recognizer.patterns[0].where)));
  }
}

void add_pii(const Config& config, Place place, const FlowEntry& flow, Rails& rails) {
  const auto& data = config.sensitive_data[static_cast<int>(place)];
  const Action action = flow.kind->check == Check::pii_mask ? Action::mask : Action::block;
  add_recognizers(config, place, flow, action, rails);
  PiiRailOptions options;
  options.rail = flow.name;
  options.action = action;
  options.score_threshold = data.score_threshold;
  options.mask_token = data.mask_token;
  for (size_t i = 0; i < data.entities.size(); ++i) {
    const std::string& entity = data.entities[i];
    if (std::any_of(config.recognizers.begin(), config.recognizers.end(),
                    [&](const auto& recognizer) { return recognizer.entity == entity; }))
      continue;
    PiiRailOptions alone;  // so that an entity that nobody knows is refused with its own line
    alone.entities = {entity};
    make_pii_rail(alone, context_at(data.entity_places[i]));
    options.entities.push_back(entity);
  }
  if (options.entities.empty() && !data.entities.empty()) return;  // custom ones only
  rails.push_back(make_pii_rail(options, context_at(data.where.empty() ? flow.where : data.where)));
}

void add_injection(const Config& config, const FlowEntry& flow, Rails& rails) {
  const InjectionEntry& entry = config.injection;
  for (size_t i = 0; i < entry.injections.size(); ++i)
    check_injection(entry.injections[i], context_at(entry.injection_places[i]));
  InjectionOptions options;
  options.rail = flow.name;
  options.injections = entry.injections;
  options.action = entry.omit ? Action::mask : Action::block;
  rails.push_back(make_injection_rail(options, context_at(entry.where.empty() ? flow.where : entry.where)));
}

void add_text_rails(const Config& config, Place place, const FlowEntry& flow, Rails& rails) {
  switch (flow.kind->check) {
    case Check::pii_detect:
    case Check::pii_mask:
      return add_pii(config, place, flow, rails);
    case Check::regex_check:
    case Check::regex_redact:
      return add_regex(config, place, flow, rails);
    case Check::secrets_detect:
    case Check::secrets_mask: {
      SecretsOptions options;
      options.rail = flow.name;
      options.action = flow.kind->check == Check::secrets_mask ? Action::mask : Action::block;
      return rails.push_back(make_secrets_rail(options));
    }
    case Check::injection:
      return add_injection(config, flow, rails);
    case Check::jailbreak_heuristics:
    case Check::jailbreak_patterns: {
      JailbreakOptions options;
      options.rail = flow.name;
      return rails.push_back(make_jailbreak_rail(options));
    }
    default:
      return;
  }
}

template <class T>
std::optional<T> first_of(const std::optional<T>& one, const std::optional<T>& other) {
  return one ? one : other;
}

Flow make_flow(const Config& config, const RailEntry& rail, const FlowEntry& entry) {
  Flow flow;
  flow.entry = &entry;
  const auto found = rail.flow_policies.find(entry.name);
  const FlowPolicy own = found == rail.flow_policies.end() ? FlowPolicy() : found->second;
  flow.fail_open = first_of(own.fail_open, rail.policy.fail_open).value_or(false);
  flow.budget_ms = first_of(own.time_budget_ms, rail.policy.time_budget_ms).value_or(0);
  flow.refusal = first_of(own.refusal, rail.policy.refusal).value_or("");
  if (!needs_engine(flow.check())) return flow;
  flow.judge = judge_of(config, entry);
  if (!asks_model(flow.check())) return flow;
  flow.prompt.emplace(*config.prompt_for(task_of(entry), flow.judge));
  flow.form = &answer_form(entry, flow.prompt->entry());
  return flow;
}

}  // namespace

PlaceRails make_place(const Config& config, Place place) {
  PlaceRails made;
  made.place = place;
  Rails rails;
  for (const auto& entry : config.rail(place).flows) {
    made.flows.push_back(make_flow(config, config.rail(place), entry));
    made.asks_model = made.asks_model || asks_model(entry.kind->check);
    add_text_rails(config, place, entry, rails);
  }
  made.texts = TextGuard(std::move(rails));
  return made;
}

}  // namespace whorl::guard
