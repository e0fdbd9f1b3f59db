// rails.config: what the rails without a model look for.
#include "base/file.h"
#include "guard/config_parts.h"

namespace whorl::guard {
namespace {

constexpr const char* kVendor = "is a service on the network, which Whorl does not call";
constexpr const char* kYara = "is not read: write the rules as patterns of regex_detection";

// Names, and the line of each.
void append_names(const Node& node, std::string_view key, std::vector<std::string>& names,
                  std::vector<std::string>& places) {
  node.append(key, names);
  if (const auto list = node.at(key))
    for (const Node& item : list->items()) places.push_back(item.where());
}

void read_sensitive(const Node& node, Config& config, Place place) {
  node.only({"entities", "mask_token", "score_threshold"});
  auto& entry = config.sensitive_data[static_cast<int>(place)];
  entry.where = node.where();
  append_names(node, "entities", entry.entities, entry.entity_places);
  node.read("mask_token", entry.mask_token);
  if (node.at("mask_token"))
    warn(config, node.require("mask_token"), "NeMo ignores mask_token and writes <ENTITY>; Whorl uses it");
  if (const auto threshold = node.at("score_threshold")) entry.score_threshold = threshold->number(0);
}

// Presidio's form of a custom recogniser.
void read_recognizer(const Node& node, Config& config) {
  node.only({"name", "supported_entity", "supported_entities", "supported_language", "supported_languages",
             "patterns", "deny_list", "deny_list_score", "context", "enabled"});
  if (const auto enabled = node.at("enabled"); enabled && !enabled->boolean()) return;
  RecognizerEntry entry;
  entry.entity = node.require("supported_entity").text();
  if (const auto patterns = node.at("patterns"))
    for (const Node& item : patterns->items()) {
      item.only({"name", "regex", "score"});
      if (const auto score = item.at("score")) entry.score = score->number(0);
      entry.patterns.push_back({entry.entity, item.require("regex").text(), item.where(), {}});
    }
  if (const auto list = node.at("deny_list"))
    for (const Node& item : list->items())
      entry.patterns.push_back({entry.entity, "\\b\\Q" + item.text() + "\\E\\b", item.where(), {}});
  if (const auto context = node.at("context"))
    warn(config, *context, "context words do not raise the score of a custom recogniser");
  if (entry.patterns.empty()) node.fail("expected 'patterns' or 'deny_list'");
  config.recognizers.push_back(std::move(entry));
}

void read_sensitive_data(const Node& node, Config& config) {
  node.only({"recognizers", "input", "output", "retrieval", "tool_output", "tool_input"});
  for (const Place place : kAllPlaces)
    if (const auto part = node.at(name_of(place))) read_sensitive(*part, config, place);
  if (const auto list = node.at("recognizers"))
    for (const Node& item : list->items()) read_recognizer(item, config);
}

PatternEntry read_pattern(const Node& item) {
  if (!item.is_object()) return {"", item.text(), item.where(), {}};
  item.only({"pattern", "name", "mask"});
  PatternEntry entry{"", item.require("pattern").text(), item.where(), {}};
  item.read("name", entry.name);
  if (const auto mask = item.at("mask")) entry.replacement = mask->text();
  return entry;
}

void read_regex(const Node& node, RegexEntry& entry) {
  node.only({"patterns", "allow", "case_insensitive"});
  entry.where = node.where();
  if (const auto list = node.at("patterns"))
    for (const Node& item : list->items()) entry.patterns.push_back(read_pattern(item));
  if (const auto list = node.at("allow"))
    for (const Node& item : list->items()) entry.allow.push_back(read_pattern(item));
  node.read("case_insensitive", entry.case_insensitive);
}

void read_regex_detection(const Node& node, Config& config) {
  node.only({"input", "output", "retrieval", "tool_output", "tool_input"});
  for (const Place place : kAllPlaces)
    if (const auto part = node.at(name_of(place))) read_regex(*part, config.regex[static_cast<int>(place)]);
}

void read_jailbreak(const Node& node, Config& config) {
  node.only({"length_per_perplexity_threshold", "prefix_suffix_perplexity_threshold", "server_endpoint",
             "nim_base_url", "nim_server_endpoint", "nim_url", "nim_port", "api_key_env_var", "embedding"});
  for (const char* key : {"server_endpoint", "nim_base_url", "nim_server_endpoint", "nim_url"})
    if (const auto endpoint = node.at(key))
      warn(config, *endpoint, "no endpoint is called: perplexities come from the engine's own prefill");
  if (const auto value = node.at("length_per_perplexity_threshold"))
    config.jailbreak.length_per_perplexity_threshold = value->number(0);
  if (const auto value = node.at("prefix_suffix_perplexity_threshold"))
    config.jailbreak.prefix_suffix_perplexity_threshold = value->number(0);
}

void read_injection(const Node& node, Config& config) {
  node.only({"injections", "action"}, {{"yara_path", kYara}, {"yara_rules", kYara}});
  config.injection.where = node.where();
  append_names(node, "injections", config.injection.injections, config.injection.injection_places);
  if (const auto action = node.at("action"))
    config.injection.omit = action->choice({"reject", "omit"}) == "omit";
}

void read_tool_calls(const Node& node, Config& config) {
  node.only({"allowed", "denied"});
  config.tool_calls.has_allowed = config.tool_calls.has_allowed || node.at("allowed").has_value();
  node.append("allowed", config.tool_calls.allowed);
  node.append("denied", config.tool_calls.denied);
}

}  // namespace

void read_detection(const Node& section, Config& config) {
  section.only(
      {"sensitive_data_detection", "regex_detection", "jailbreak_detection", "injection_detection",
       "tool_calls"},
      {{"fact_checking", "needs an AlignScore server, which Whorl does not call; use self check facts"},
       {"content_safety", "is not supported: give the refusal as rails.<rail>.refusal"},
       {"ai_defense", kVendor},
       {"autoalign", kVendor},
       {"clavata", kVendor},
       {"crowdstrike_aidr", kVendor},
       {"fiddler", kVendor},
       {"guardrails_ai", kVendor},
       {"pangea", kVendor},
       {"patronus", kVendor},
       {"privateai", kVendor},
       {"private_ai_detection", kVendor},
       {"trend_micro", kVendor}});
  if (const auto node = section.at("sensitive_data_detection")) read_sensitive_data(*node, config);
  if (const auto node = section.at("regex_detection")) read_regex_detection(*node, config);
  if (const auto node = section.at("jailbreak_detection")) read_jailbreak(*node, config);
  if (const auto node = section.at("injection_detection")) read_injection(*node, config);
  if (const auto node = section.at("tool_calls")) read_tool_calls(*node, config);
}

}  // namespace whorl::guard
