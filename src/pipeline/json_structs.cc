// The public structs as the JSON that the parser reads.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "pipeline/pipeline_impl.h"

namespace whorl::pipeline {
namespace {

using base::Json;

Json typed(const PipelineParameter& parameter, const std::string& text) {
  if (parameter.type == "string") return text;
  return base::parse_json(text,
                          "[Pipeline.parameter] parameter '" + base::printable(parameter.name, 80) + "'");
}

Json json_or_text(const std::string& text) {
  if (!Json::accept(text)) return text;
  return base::parse_json(text, "[Pipeline.step]");
}

Json to_json(const PipelineRetry& retry) {
  return {{"limit", retry.limit},
          {"policy", retry.policy},
          {"backoff",
           {{"seconds", retry.backoff_seconds},
            {"factor", retry.backoff_factor},
            {"max_seconds", retry.backoff_max_seconds}}}};
}

Json to_json(const PipelineResources& resources) {
  Json made = {{"cpus", resources.cpus},
               {"memory_bytes", resources.memory_bytes},
               {"gpus", resources.gpus},
               {"image", resources.image},
               {"node_selector", resources.node_selector}};
  for (const auto& [field, name] : resources.parameters) made[field] = "${parameters." + name + "}";
  for (const auto& t : resources.tolerations) {
    made["tolerations"].push_back(
        {{"key", t.key}, {"operator", t.op}, {"value", t.value}, {"effect", t.effect}});
    if (t.seconds >= 0) made["tolerations"].back()["seconds"] = t.seconds;
  }
  for (const auto& v : resources.volumes)
    made["volumes"].push_back({{"name", v.name},
                               {"mount_path", v.mount_path},
                               {"claim", v.claim},
                               {"secret", v.secret},
                               {"config_map", v.config_map},
                               {"size_bytes", v.size_bytes},
                               {"read_only", v.read_only}});
  return made;
}

}  // namespace

Json to_json(const PipelineParameter& parameter) {
  Json made = {{"type", parameter.type}, {"description", parameter.description}};
  if (parameter.default_value) made["default"] = typed(parameter, *parameter.default_value);
  for (const auto& choice : parameter.choices) made["choices"].push_back(typed(parameter, choice));
  return made;
}

Json to_json(const PipelineStep& step) {
  const auto where = "[Pipeline.step] step '" + base::printable(step.name, 80) + "': field ";
  Json made = {{"name", step.name},
               {"kind", step.kind},
               {"description", step.description},
               {"needs", step.needs},
               {"with", base::parse_json(step.with.empty() ? "{}" : step.with, where + "'with'")},
               {"retry", to_json(step.retry)},
               {"timeout_seconds", step.timeout_seconds},
               {"failure_policy", step.failure_policy},
               {"resources", to_json(step.resources)},
               {"cache", step.cache}};
  if (!step.foreach.empty()) made["foreach"] = json_or_text(step.foreach);
  for (const auto& condition : step.when)
    made["when"].push_back({{"left", json_or_text(condition.left)},
                            {"op", condition.op},
                            {"right", json_or_text(condition.right)}});
  for (const auto& [key, output] : step.outputs)
    made["outputs"][key] = {{"path", output.path}, {"type", output.type}};
  return made;
}

}  // namespace whorl::pipeline
