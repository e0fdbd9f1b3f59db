#pragma once
// A NeMo Guardrails `config.yml` (or several, joined) as plain structs. Every item remembers the file and
// line that it came from; reading refuses what it does not know.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guard/flows.h"
#include "whorl/types.h"

namespace whorl::base {
class Yaml;
}

namespace whorl::guard {

inline constexpr const char* kRefusal = "I'm sorry, I can't respond to that.";

struct ModelEntry {
  std::string type, engine, model, where;
  bool text_mode = false;  // the judge gets plain text, no chat template
  bool judges_here() const { return engine == "whorl"; }
  std::string adapter() const { return model == "base" ? std::string() : model; }
};

struct PromptEntry {
  std::string task = {};
  std::string content = {};            // a template, or
  std::vector<Message> messages = {};  // templates with roles
  std::vector<std::string> models = {};
  std::string output_parser = {}, mode = "standard";
  int64_t max_length = 16000;  // characters of the rendered prompt
  int64_t max_tokens = 0;      // 0 = what the answer needs
  std::vector<std::string> stop = {};
  std::string where = {};
};

// Whorl's own keys; unset = what the rail, then the library says.
struct FlowPolicy {
  std::optional<bool> fail_open;
  std::optional<int64_t> time_budget_ms;
  std::optional<std::string> refusal;
};

struct FlowEntry {
  const FlowKind* kind = nullptr;
  std::string name;   // with its parameter, as written
  std::string model;  // $model=
  std::string where;
};

struct RailEntry {
  std::vector<FlowEntry> flows;
  FlowPolicy policy;
  std::map<std::string, FlowPolicy> flow_policies;
  std::map<std::string, std::string> flow_policy_places;
};

struct StreamingEntry {
  bool enabled = false;
  int64_t chunk_size = 200, context_size = 50;
  bool stream_first = true;
  std::string where;
};

struct PatternEntry {
  std::string name, pattern, where;
  std::optional<std::string> replacement;  // its own mask
};

// What rails.config says for one place.
struct SensitiveDataEntry {
  std::vector<std::string> entities, entity_places;  // and where each is written
  std::string mask_token;
  double score_threshold = 0.2;
  std::string where;
};
struct RegexEntry {
  std::vector<PatternEntry> patterns, allow;
  bool case_insensitive = false;
  std::string where;
};
struct RecognizerEntry {  // Presidio's custom recognisers: patterns with an entity name
  std::string entity;
  std::vector<PatternEntry> patterns;
  double score = 1;
};
struct InjectionEntry {
  std::vector<std::string> injections, injection_places;
  bool omit = false;
  std::string where;
};
struct JailbreakEntry {
  double length_per_perplexity_threshold = 89.79, prefix_suffix_perplexity_threshold = 1845.65;
};
struct ToolCallsEntry {
  std::vector<std::string> allowed, denied;
  bool has_allowed = false;
};

struct Config {
  std::vector<ModelEntry> models;
  std::vector<PromptEntry> prompts;
  std::string instructions;  // of type general, joined by blank lines
  std::string sample_conversation;
  std::string prompting_mode = "standard";
  bool enable_rails_exceptions = false, passthrough = false;
  RailEntry rails[kPlaces];  // by Place
  StreamingEntry streaming;
  SensitiveDataEntry sensitive_data[kPlaces];
  std::vector<RecognizerEntry> recognizers;
  RegexEntry regex[kPlaces];
  InjectionEntry injection;
  JailbreakEntry jailbreak;
  ToolCallsEntry tool_calls;
  std::vector<std::string> warnings;

  const ModelEntry* model_of_type(std::string_view type) const;  // the last one; null = none
  // The prompt for a task and the model that answers it, or null. One that names the model goes before one
  // that names none; among equals the last.
  const PromptEntry* prompt_for(std::string_view task, const ModelEntry* model) const;
  RailEntry& rail(Place place) { return rails[static_cast<int>(place)]; }
  const RailEntry& rail(Place place) const { return rails[static_cast<int>(place)]; }
};

// Adds one document to what is there: lists are appended, other values replaced.
void read_config(const base::Yaml& yaml, Config& config);
// What only the whole can tell: flows with their prompts and models. std::invalid_argument.
void check_config(const Config& config);

// A file, or a folder of them.
Config load_config(const std::string& path);
Config parse_config(std::string_view text);

}  // namespace whorl::guard
