// The canonical JSON: defaults left out, keys sorted, one spelling for everything.
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {
namespace {

using base::Json;

void put(Json& json, const char* key, const std::string& text, const std::string& fallback = {}) {
  if (text != fallback) json[key] = text;
}
template <class Number>
void put_number(Json& json, const char* key, Number number, Number fallback) {
  if (number != fallback) json[key] = number;
}
void put_nested(Json& json, const char* key, Json nested) {
  if (!nested.empty()) json[key] = std::move(nested);
}

// Of resources and of the budget.
template <class Amounts>
Json amounts(const Amounts& of) {
  Json made = Json::object();
  put_number(made, "cpus", of.cpus, 0.0);
  put_number(made, "memory_bytes", of.memory_bytes, uint64_t{0});
  put_number(made, "gpus", of.gpus, int64_t{0});
  return made;
}

Json to_json(const Parameter& parameter) {
  Json made = {{"type", parameter.type}};
  if (parameter.fallback) made["default"] = to_json(*parameter.fallback);
  if (!parameter.choices.empty()) made["choices"] = to_json(Value(parameter.choices));
  put(made, "description", parameter.description);
  return made;
}

Json to_json(const PipelineRetry& retry) {
  const PipelineRetry standard;
  Json made = Json::object(), backoff = Json::object();
  put_number(made, "limit", retry.limit, standard.limit);
  put(made, "policy", retry.policy, standard.policy);
  put_number(backoff, "seconds", retry.backoff_seconds, standard.backoff_seconds);
  put_number(backoff, "factor", retry.backoff_factor, standard.backoff_factor);
  put_number(backoff, "max_seconds", retry.backoff_max_seconds, standard.backoff_max_seconds);
  put_nested(made, "backoff", std::move(backoff));
  return made;
}

Json to_json(const PipelineToleration& toleration) {
  Json made = Json::object();
  put(made, "key", toleration.key);
  put(made, "operator", toleration.op, "Equal");
  put(made, "value", toleration.value);
  put(made, "effect", toleration.effect);
  put_number(made, "seconds", toleration.seconds, int64_t{-1});
  return made;
}

Json to_json(const PipelineVolume& volume) {
  Json made = {{"name", volume.name}, {"mount_path", volume.mount_path}};
  put(made, "claim", volume.claim);
  put(made, "secret", volume.secret);
  put(made, "config_map", volume.config_map);
  put_number(made, "size_bytes", volume.size_bytes, uint64_t{0});
  put_number(made, "read_only", volume.read_only, false);
  return made;
}

Json to_json(const PipelineResources& resources) {
  Json made = amounts(resources);
  for (const auto& [field, name] : resources.parameters) made[field] = "${parameters." + name + "}";
  put_nested(made, "node_selector", resources.node_selector);
  for (const auto& toleration : resources.tolerations) made["tolerations"].push_back(to_json(toleration));
  for (const auto& volume : resources.volumes) made["volumes"].push_back(to_json(volume));
  put(made, "image", resources.image);
  return made;
}

Json to_json(const Foreach& foreach) {
  switch (foreach.form) {
    case Foreach::Form::list:
      return to_json(Value(foreach.items));
    case Foreach::Form::parameter:
      return "${parameters." + foreach.parameter + "}";
    default: {
      Json grid = Json::object();
      for (const auto& [name, values] : foreach.grid) grid[name] = to_json(Value(values));
      return {{"grid", std::move(grid)}};
    }
  }
}

Json to_json(const Step& step) {
  Json made = {{"name", step.name}, {"kind", step.kind}};
  put(made, "description", step.description);
  put_nested(made, "needs", step.needs);
  put_nested(made, "with", to_json(Value(step.with)));
  if (step.repeats()) made["foreach"] = to_json(step.foreach);
  for (const auto& c : step.when)
    made["when"].push_back({{"left", to_json(c.left)}, {"op", c.op}, {"right", to_json(c.right)}});
  put_nested(made, "retry", to_json(step.retry));
  put_number(made, "timeout_seconds", step.timeout_seconds, 0.0);
  put(made, "failure_policy", to_text(step.failure_policy), "all");
  for (const auto& [key, output] : step.outputs)
    made["outputs"][key] = {{"path", output.path}, {"type", output.type}};
  put_nested(made, "resources", to_json(step.resources));
  put_number(made, "cache", step.cache, true);
  return made;
}

Json to_json(const PipelineBudget& budget) {
  Json made = amounts(budget);
  return made;
}

}  // namespace

std::string canonical_json(const Spec& spec) {
  Json made = {{"name", spec.name}};
  put(made, "description", spec.description);
  for (const auto& parameter : spec.parameters) made["parameters"][parameter.name] = to_json(parameter);
  made["steps"] = Json::array();
  for (const auto& step : spec.steps) made["steps"].push_back(to_json(step));
  put_nested(made, "on_exit", spec.on_exit);
  put_nested(made, "budget", to_json(spec.budget));
  return base::to_sorted_json(made);
}

std::string digest(const Spec& spec) { return base::sha256_hex(canonical_json(spec)); }

}  // namespace whorl::pipeline
