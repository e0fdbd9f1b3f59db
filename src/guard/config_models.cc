// models[] and prompts[].
#include <algorithm>

#include "base/json.h"
#include "guard/config_parts.h"

namespace whorl::guard {
namespace {

// `model` or parameters.model (or model_name): exactly one.
std::string model_name(const Node& item, const std::string& engine) {
  std::vector<Node> given;
  if (const auto name = item.at("model")) given.push_back(*name);
  if (const auto parameters = item.at("parameters"))
    for (const char* key : {"model", "model_name"})
      if (const auto name = parameters->at(key)) given.push_back(*name);
  if (given.size() > 1) given.back().fail("expected 'model' or 'parameters.model', got both");
  if (given.empty())
    item.fail("missing key 'model'",
              engine == "whorl" ? ": the name of an adapter, or 'base' for the base model" : "");
  return given[0].text();
}

void warn_of_parameters(const Node& item, Config& config) {
  const auto parameters = item.at("parameters");
  if (!parameters) return;
  for (const Node& entry : parameters->entries())
    if (entry.name() != "model" && entry.name() != "model_name")
      warn(config, entry, "'" + entry.name() + "' is not used: judges decode greedily in Whorl's own engine");
}

void read_model(const Node& item, Config& config) {
  item.only(
      {"type", "engine", "model", "mode", "parameters", "api_key_env_var", "cache", "reasoning_config"});
  ModelEntry entry;
  entry.where = item.where();
  entry.type = item.require("type").text();
  entry.engine = item.require("engine").text();
  entry.model = model_name(item, entry.engine);
  if (const auto mode = item.at("mode")) entry.text_mode = mode->choice({"chat", "text"}) == "text";
  if (const auto cache = item.at("cache")) cache->entries();
  if (const auto reasoning = item.at("reasoning_config")) reasoning->entries();
  if (entry.type == "main" && !entry.judges_here())
    warn(config, item,
         "engine '" + entry.engine + "' is not called: the engine given to Guardrail answers and judges");
  if (entry.judges_here()) warn_of_parameters(item, config);
  config.models.push_back(std::move(entry));
}

// "content_safety_check_input $model=content_safety" → its first word.
std::string_view base_task(std::string_view task) { return task.substr(0, task.find(' ')); }

void check_task(const Node& node, const std::string& task, Config& config) {
  std::vector<std::string> known;
  for (const Place place : kAllPlaces)
    for (const auto& name : flow_names(place))
      if (const auto* flow = find_flow(place, name); !flow->task.empty()) known.emplace_back(flow->task);
  if (std::find(known.begin(), known.end(), base_task(task)) != known.end()) return;
  const std::string near = base::did_you_mean(base_task(task), known);
  if (!near.empty()) node.fail("unknown task '", task, "'", near);
  warn(config, node, "no flow of Whorl's asks for the task '" + task + "'; its prompt is not used");
}

Message read_message(const Node& item) {
  if (!item.is_object())
    item.fail(
        "expected a message with 'type' and 'content': conversations come from the caller, not from a "
        "template");
  item.only({"type", "role", "content"});
  const auto type = item.at("type") ? item.require("type") : item.require("role");
  const std::string role = type.choice({"system", "user", "assistant", "bot"});
  return {role == "bot" ? "assistant" : role, item.require("content").text()};
}

void read_prompt(const Node& item, Config& config) {
  item.only(
      {"task", "content", "messages", "models", "output_parser", "max_length", "max_tokens", "stop", "mode"});
  PromptEntry entry;
  entry.where = item.where();
  entry.task = item.require("task").text();
  check_task(item.require("task"), entry.task, config);
  item.read("content", entry.content);
  if (const auto messages = item.at("messages"))
    for (const Node& message : messages->items()) entry.messages.push_back(read_message(message));
  if (entry.content.empty() == entry.messages.empty())
    item.fail("expected exactly one of 'content' and 'messages', got ",
              entry.content.empty() ? "none" : "both");
  item.append("models", entry.models);
  item.append("stop", entry.stop);
  item.read("mode", entry.mode);
  if (const auto parser = item.at("output_parser"))
    entry.output_parser = parser->choice(
        {"is_content_safe", "nemoguard_parse_prompt_safety", "nemoguard_parse_response_safety"});
  if (const auto length = item.at("max_length")) entry.max_length = length->integer(1, 1 << 28);
  if (const auto tokens = item.at("max_tokens")) entry.max_tokens = tokens->integer(1, 4096);
  config.prompts.push_back(std::move(entry));
}

}  // namespace

void read_models(const Node& list, Config& config) {
  for (const Node& item : list.items()) read_model(item, config);
}

void read_prompts(const Node& list, Config& config) {
  for (const Node& item : list.items()) read_prompt(item, config);
}

}  // namespace whorl::guard
