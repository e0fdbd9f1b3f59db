#pragma once
// Every flow that Whorl knows: what it is called where, and what it needs.
#include <string>
#include <string_view>
#include <vector>

namespace whorl::guard {

enum class Place { input, output, retrieval, tool_output, tool_input };
inline constexpr int kPlaces = 5;
inline constexpr Place kAllPlaces[kPlaces] = {Place::input, Place::output, Place::retrieval,
                                              Place::tool_output, Place::tool_input};
const char* name_of(Place place);  // "input", as in rails.input

enum class Check {
  self_check,      // yes blocks
  self_facts,      // no blocks
  content_safety,  // a judge says safe or unsafe
  llama_guard,
  topic_safety,  // a judge says on-topic or off-topic
  jailbreak_heuristics,
  jailbreak_patterns,
  pii_detect,
  pii_mask,
  secrets_detect,
  secrets_mask,
  regex_check,
  regex_redact,
  injection,
  allowed_tools,
  tool_arguments
};

struct FlowKind {
  std::string_view name;
  Check check;
  Place place;
  std::string_view task;  // of its prompt; "" = asks no model, or only for likelihoods
  bool takes_model;       // $model=type
};

// Null where there is no such flow. The same name may stand for several places (injection detection).
const FlowKind* find_flow(Place place, std::string_view name);
std::vector<std::string> flow_names(Place place);
// "" or a sentence on where or why not: a flow of another rail, or one of NeMo's that Whorl does not have.
std::string about_unknown_flow(Place place, std::string_view name);

bool asks_model(Check check);  // by prompt
bool is_tool_check(Check check);
inline bool needs_engine(Check check) { return asks_model(check) || check == Check::jailbreak_heuristics; }

}  // namespace whorl::guard
