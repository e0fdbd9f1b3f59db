#include "guard/config.h"

#include <algorithm>

#include "guard/config_parts.h"

namespace whorl::guard {
namespace {

constexpr const char* kColang =
    "is Colang's, which Whorl does not run: rails are the flows under rails.<rail>.flows, refusals are "
    "rails.<rail>.refusal";
constexpr const char* kNoKnowledge =
    "is not read: Whorl retrieves nothing by itself; give what you retrieved to check_retrieval and to the "
    "context of check_output";

void read_instructions(const Node& list, Config& config) {
  for (const Node& item : list.items()) {
    item.only({"type", "content"});
    if (item.require("type").text() != "general") {
      warn(config, item, "only instructions of type general are used");
      continue;
    }
    if (!config.instructions.empty()) config.instructions += "\n\n";
    config.instructions += item.require("content").text();
  }
}

void check_types(const Node& root, Config& config) {
  if (const auto value = root.at("lowest_temperature")) value->number(0);
  if (const auto value = root.at("streaming"); value && !value->boolean())
    warn(config, *value, "streaming is what the caller asks for; this key changes nothing");
  for (const char* key : {"tracing", "metrics"})
    if (const auto value = root.at(key)) value->entries();
}

}  // namespace

void warn(Config& config, const Node& node, const std::string& what) {
  config.warnings.push_back(node.where() + ": " + what);
}

void read_config(const base::Yaml& yaml, Config& config) {
  const Node root(yaml);
  if (root.is_null()) return;
  if (!root.is_object()) root.fail("expected a mapping with keys like 'models', 'rails' and 'prompts'");
  root.only({"models", "prompts", "rails", "instructions", "sample_conversation", "prompting_mode",
             "lowest_temperature", "enable_rails_exceptions", "passthrough", "streaming", "tracing",
             "metrics", "custom_data"},
            {{"colang_version", kColang},
             {"flows", kColang},
             {"user_messages", kColang},
             {"bot_messages", kColang},
             {"import_paths", kColang},
             {"enable_multi_step_generation", kColang},
             {"core", kNoKnowledge},
             {"knowledge_base", kNoKnowledge},
             {"docs", kNoKnowledge},
             {"actions_server_url", "is not called: Whorl calls no other server"}});
  if (const auto models = root.at("models")) read_models(*models, config);
  if (const auto prompts = root.at("prompts")) read_prompts(*prompts, config);
  if (const auto rails = root.at("rails")) read_rails(*rails, config);
  if (const auto list = root.at("instructions")) read_instructions(*list, config);
  root.read("sample_conversation", config.sample_conversation);
  root.read("prompting_mode", config.prompting_mode);
  root.read("enable_rails_exceptions", config.enable_rails_exceptions);
  root.read("passthrough", config.passthrough);
  check_types(root, config);
}

const ModelEntry* Config::model_of_type(std::string_view type) const {
  const auto found = std::find_if(models.rbegin(), models.rend(),
                                  [&](const ModelEntry& entry) { return entry.type == type; });
  return found == models.rend() ? nullptr : &*found;
}

const PromptEntry* Config::prompt_for(std::string_view task, const ModelEntry* model) const {
  const PromptEntry* best = nullptr;
  bool best_named = false;
  for (const auto& prompt : prompts) {
    if (prompt.task != task || prompt.mode != prompting_mode) continue;
    const bool named =
        model && std::any_of(prompt.models.begin(), prompt.models.end(), [&](const auto& name) {
          return name == model->engine || name == model->engine + "/" + model->model;
        });
    if (!prompt.models.empty() && !named) continue;
    if (named || !best_named) best = &prompt;
    best_named = best_named || named;
  }
  return best;
}

}  // namespace whorl::guard
