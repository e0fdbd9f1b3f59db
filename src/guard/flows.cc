#include "guard/flows.h"

#include <algorithm>

#include "base/check.h"
#include "base/json.h"

namespace whorl::guard {
namespace {

using P = Place;
using C = Check;

constexpr FlowKind kFlows[] = {
    {"self check input", C::self_check, P::input, "self_check_input", false},
    {"self check output", C::self_check, P::output, "self_check_output", false},
    {"self check facts", C::self_facts, P::output, "self_check_facts", false},
    {"content safety check input", C::content_safety, P::input, "content_safety_check_input", true},
    {"content safety check output", C::content_safety, P::output, "content_safety_check_output", true},
    {"topic safety check input", C::topic_safety, P::input, "topic_safety_check_input", true},
    {"llama guard check input", C::llama_guard, P::input, "llama_guard_check_input", false},
    {"llama guard check output", C::llama_guard, P::output, "llama_guard_check_output", false},
    {"jailbreak detection heuristics", C::jailbreak_heuristics, P::input, "", false},
    {"jailbreak detection patterns", C::jailbreak_patterns, P::input, "", false},
    {"jailbreak detection patterns", C::jailbreak_patterns, P::retrieval, "", false},
    {"jailbreak detection patterns", C::jailbreak_patterns, P::tool_input, "", false},
    {"detect sensitive data on input", C::pii_detect, P::input, "", false},
    {"detect sensitive data on output", C::pii_detect, P::output, "", false},
    {"detect sensitive data on retrieval", C::pii_detect, P::retrieval, "", false},
    {"detect sensitive data on tool output", C::pii_detect, P::tool_output, "", false},
    {"detect sensitive data on tool input", C::pii_detect, P::tool_input, "", false},
    {"mask sensitive data on input", C::pii_mask, P::input, "", false},
    {"mask sensitive data on output", C::pii_mask, P::output, "", false},
    {"mask sensitive data on retrieval", C::pii_mask, P::retrieval, "", false},
    {"mask sensitive data on tool output", C::pii_mask, P::tool_output, "", false},
    {"mask sensitive data on tool input", C::pii_mask, P::tool_input, "", false},
    {"detect secrets on input", C::secrets_detect, P::input, "", false},
    {"detect secrets on output", C::secrets_detect, P::output, "", false},
    {"detect secrets on retrieval", C::secrets_detect, P::retrieval, "", false},
    {"detect secrets on tool output", C::secrets_detect, P::tool_output, "", false},
    {"detect secrets on tool input", C::secrets_detect, P::tool_input, "", false},
    {"mask secrets on input", C::secrets_mask, P::input, "", false},
    {"mask secrets on output", C::secrets_mask, P::output, "", false},
    {"mask secrets on retrieval", C::secrets_mask, P::retrieval, "", false},
    {"mask secrets on tool output", C::secrets_mask, P::tool_output, "", false},
    {"mask secrets on tool input", C::secrets_mask, P::tool_input, "", false},
    {"regex check input", C::regex_check, P::input, "", false},
    {"regex check output", C::regex_check, P::output, "", false},
    {"regex check retrieval", C::regex_check, P::retrieval, "", false},
    {"regex check tool output", C::regex_check, P::tool_output, "", false},
    {"regex check tool input", C::regex_check, P::tool_input, "", false},
    {"regex redact input", C::regex_redact, P::input, "", false},
    {"regex redact output", C::regex_redact, P::output, "", false},
    {"regex redact retrieval", C::regex_redact, P::retrieval, "", false},
    {"regex redact tool output", C::regex_redact, P::tool_output, "", false},
    {"regex redact tool input", C::regex_redact, P::tool_input, "", false},
    {"injection detection", C::injection, P::input, "", false},
    {"injection detection", C::injection, P::output, "", false},
    {"injection detection", C::injection, P::retrieval, "", false},
    {"injection detection", C::injection, P::tool_output, "", false},
    {"injection detection", C::injection, P::tool_input, "", false},
    {"check allowed tools", C::allowed_tools, P::tool_output, "", false},
    {"check tool arguments", C::tool_arguments, P::tool_output, "", false},
};

// NeMo's flows that call a service, load another model, or change a dialog.
constexpr std::string_view kElsewhere[] = {"self check hallucination",
                                           "hallucination warning",
                                           "jailbreak detection model",
                                           "alignscore check facts",
                                           "patronus lynx check output hallucination",
                                           "activefence moderation",
                                           "user query",
                                           "generate user intent",
                                           "multi turn jailbreak"};

}  // namespace

const char* name_of(Place place) {
  constexpr const char* kNames[] = {"input", "output", "retrieval", "tool_output", "tool_input"};
  return kNames[static_cast<int>(place)];
}

const FlowKind* find_flow(Place place, std::string_view name) {
  const auto found = std::find_if(std::begin(kFlows), std::end(kFlows), [&](const FlowKind& flow) {
    return flow.place == place && flow.name == name;
  });
  return found == std::end(kFlows) ? nullptr : found;
}

std::vector<std::string> flow_names(Place place) {
  std::vector<std::string> names;
  for (const auto& flow : kFlows)
    if (flow.place == place) names.emplace_back(flow.name);
  return names;
}

std::string about_unknown_flow(Place place, std::string_view name) {
  for (const Place other : kAllPlaces)
    if (other != place && find_flow(other, name))
      return base::concat("; it belongs under rails.", name_of(other), ".flows");
  if (std::find(std::begin(kElsewhere), std::end(kElsewhere), name) != std::end(kElsewhere))
    return "; it is NeMo's, and needs a service or a dialog that Whorl does not have";
  return base::did_you_mean(name, flow_names(place));
}

bool asks_model(Check check) {
  return check == C::self_check || check == C::self_facts || check == C::content_safety ||
         check == C::llama_guard || check == C::topic_safety;
}

bool is_tool_check(Check check) { return check == C::allowed_tools || check == C::tool_arguments; }

}  // namespace whorl::guard
