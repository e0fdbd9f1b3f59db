// What only the whole configuration can tell.
#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "guard/config.h"
#include "guard/prompts.h"

namespace whorl::guard {
namespace {

template <class... Parts>
[[noreturn]] void refuse(const std::string& where, const Parts&... parts) {
  base::invalid("[Guardrail.load] ", where, ": ", parts...);
}

void check_model(const Config& config, const FlowEntry& flow) {
  if (!flow.kind->takes_model) return;
  const ModelEntry* model = config.model_of_type(flow.model);
  if (!model) {
    std::vector<std::string> types;
    for (const auto& entry : config.models) types.push_back(entry.type);
    refuse(flow.where, "flow '", flow.name, "' needs a model of type '", flow.model, "' in models",
           base::did_you_mean(flow.model, types));
  }
  if (!model->judges_here())
    refuse(model->where, "flow '", flow.name, "' judges with model '", flow.model,
           "': expected engine: whorl (model: name of an adapter, or base), got engine: ", model->engine);
}

void check_prompt(const Config& config, const FlowEntry& flow) {
  const std::string task = task_of(flow);
  if (task.empty()) return;
  const PromptEntry* prompt = config.prompt_for(task, judge_of(config, flow));
  if (!prompt) {
    std::vector<std::string> tasks;
    for (const auto& entry : config.prompts) tasks.push_back(entry.task);
    refuse(flow.where, "flow '", flow.name, "' needs a prompt with task '", task, "' in prompts",
           base::did_you_mean(task, tasks));
  }
  try_prompt(*prompt);
}

void check_regex(const Config& config, Place place, const FlowEntry& flow) {
  const bool regex = flow.kind->check == Check::regex_check || flow.kind->check == Check::regex_redact;
  if (regex && config.regex[static_cast<int>(place)].patterns.empty())
    refuse(flow.where, "flow '", flow.name, "' needs rails.config.regex_detection.", name_of(place),
           ".patterns");
}

void check_flow_options(const Config& config, Place place) {
  const RailEntry& rail = config.rail(place);
  std::vector<std::string> names;
  for (const auto& flow : rail.flows) names.push_back(flow.name);
  for (const auto& [name, where] : rail.flow_policy_places)
    if (std::find(names.begin(), names.end(), name) == names.end())
      refuse(where, "flow_options: no flow '", name, "' in rails.", name_of(place), ".flows",
             base::did_you_mean(name, names));
}

}  // namespace

void check_config(const Config& config) {
  for (const Place place : kAllPlaces) {
    const auto& flows = config.rail(place).flows;
    for (size_t i = 0; i < flows.size(); ++i) {
      for (size_t j = 0; j < i; ++j)
        if (flows[i].name == flows[j].name)
          refuse(flows[i].where, "flow '", flows[i].name, "' is listed twice, first at ", flows[j].where);
      check_model(config, flows[i]);
      check_prompt(config, flows[i]);
      check_regex(config, place, flows[i]);
    }
    check_flow_options(config, place);
  }
}

}  // namespace whorl::guard
