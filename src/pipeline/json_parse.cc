// From JSON to the spec: structure, types of fields, shorthands. Meaning is validate()'s.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/yaml.h"
#include "pipeline/json_reader.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {
namespace {

using base::Json;

std::string type_of(const Json& value) {
  if (value.is_boolean()) return "bool";
  if (value.is_number_integer()) return "int";
  if (value.is_number()) return "float";
  return value.is_array() ? "list" : "string";
}

// {"rank": 8} is short for {"rank": {"type": "int", "default": 8}}.
Parameter parse_parameter(const std::string& name, const Json& json, const Places& places,
                          const std::string& pointer) {
  Parameter made{.name = name, .type = "string", .description = {}, .fallback = {}, .choices = {}};
  const auto label = "parameter '" + base::printable(name, 80) + "'";
  if (!json.is_object() && !json.is_null()) {
    made.type = type_of(json);
    made.fallback = from_json(json, places.at(pointer) + ": " + label);
    return made;
  }
  if (json.is_null()) return made;
  const JsonReader reader(json, places, pointer, label);
  reader.only({"type", "default", "choices", "description"});
  if (reader.find("default") != nullptr) {
    made.fallback = reader.value("default");
    made.type = type_of(*reader.find("default"));
  }
  made.type = reader.text("type", made.type);
  made.description = reader.text("description");
  reader.each_entry("choices", [&](const Json& choice, const std::string& at) {
    made.choices.push_back(from_json(choice, places.at(at) + ": " + label));
  });
  return made;
}

PipelineRetry parse_retry(const JsonReader& reader) {
  PipelineRetry made;
  reader.only({"limit", "policy", "backoff"});
  made.limit = reader.integer("limit", made.limit, 0);
  made.policy = reader.text("policy", made.policy);
  if (reader.find("backoff") == nullptr) return made;
  const auto backoff = reader.nested("backoff");
  backoff.only({"seconds", "factor", "max_seconds"});
  made.backoff_seconds = backoff.number("seconds", made.backoff_seconds, 0);
  made.backoff_factor = backoff.number("factor", made.backoff_factor, 1);
  made.backoff_max_seconds = backoff.number("max_seconds", made.backoff_max_seconds, 0);
  return made;
}

PipelineToleration parse_toleration(const Json& json, const Places& places, const std::string& pointer,
                                    const std::string& label) {
  const JsonReader reader(json, places, pointer, label + ": field 'tolerations'");
  reader.only({"key", "operator", "value", "effect", "seconds"});
  return {.key = reader.text("key"),
          .op = reader.text("operator", "Equal"),
          .value = reader.text("value"),
          .effect = reader.text("effect"),
          .seconds = reader.integer("seconds", -1, 0)};
}

PipelineVolume parse_volume(const Json& json, const Places& places, const std::string& pointer,
                            const std::string& label) {
  const JsonReader reader(json, places, pointer, label + ": field 'volumes'");
  reader.only({"name", "mount_path", "claim", "secret", "config_map", "size_bytes", "read_only"});
  return {.name = reader.required_text("name"),
          .mount_path = reader.required_text("mount_path"),
          .claim = reader.text("claim"),
          .secret = reader.text("secret"),
          .config_map = reader.text("config_map"),
          .size_bytes = reader.bytes("size_bytes"),
          .read_only = reader.boolean("read_only", false)};
}

std::string parameter_reference(const std::string& text) {
  constexpr std::string_view kOpen = "${parameters.";
  if (!text.starts_with(kOpen) || !text.ends_with("}")) return {};
  return text.substr(kOpen.size(), text.size() - kOpen.size() - 1);
}

PipelineResources parse_resources(const JsonReader& reader, const Places& places) {
  PipelineResources made;
  reader.only({"cpus", "memory_bytes", "gpus", "node_selector", "tolerations", "volumes", "image"});
  const auto given = [&](const char* key) {
    const Json* found = reader.find(key);
    const auto name =
        found != nullptr && found->is_string() ? parameter_reference(found->get<std::string>()) : "";
    if (!name.empty()) made.parameters[key] = name;
    return !name.empty();
  };
  if (!given("cpus")) made.cpus = reader.number("cpus", 0, 0);
  if (!given("memory_bytes")) made.memory_bytes = reader.bytes("memory_bytes");
  if (!given("gpus")) made.gpus = reader.integer("gpus", 0, 0);
  made.node_selector = reader.text_map("node_selector");
  reader.each_entry("tolerations", [&](const Json& json, const std::string& at) {
    made.tolerations.push_back(parse_toleration(json, places, at, reader.label()));
  });
  reader.each_entry("volumes", [&](const Json& json, const std::string& at) {
    made.volumes.push_back(parse_volume(json, places, at, reader.label()));
  });
  made.image = reader.text("image");
  return made;
}

// "model.bin" is short for {"path": "model.bin"}.
PipelineOutput parse_output(const Json& json, const Places& places, const std::string& pointer,
                            const std::string& label) {
  PipelineOutput made;
  if (json.is_string()) {
    made.path = json.get<std::string>();
  } else if (!json.is_null()) {
    const JsonReader reader(json, places, pointer, label);
    reader.only({"path", "type"});
    made = {.path = reader.text("path"), .type = reader.text("type")};
  }
  if (made.type.empty()) made.type = made.path.empty() ? "json" : made.path == "-" ? "text" : "artifact";
  return made;
}

Condition parse_condition(const Json& json, const Places& places, const std::string& pointer,
                          const std::string& label) {
  const JsonReader reader(json, places, pointer, label + ": field 'when'");
  reader.only({"left", "op", "right"});
  if (reader.find("left") == nullptr) reader.fail("left", "is missing");
  return {.left = reader.value("left"), .op = reader.text("op", "=="), .right = reader.value("right")};
}

Foreach parse_foreach(const JsonReader& step, const Places& places) {
  Foreach made;
  const Json* json = step.find("foreach");
  if (json == nullptr) return made;
  if (json->is_array()) {
    made.form = Foreach::Form::list;
    made.items = *step.value("foreach").list();
  } else if (json->is_string()) {
    made.form = Foreach::Form::parameter;
    made.parameter = parameter_reference(json->get<std::string>());
    if (made.parameter.empty())
      step.fail("foreach", "expected a list, {\"grid\": …} or \"${parameters.NAME}\", got '" +
                               base::printable(json->get<std::string>(), 80) + "'");
  } else if (json->is_object()) {
    made.form = Foreach::Form::grid;
    const JsonReader reader(*json, places, step.pointer() + "/foreach", step.label() + ": field 'foreach'");
    reader.only({"grid"});
    reader.each_member("grid", [&](const std::string& name, const Json& values, const std::string& at) {
      if (!values.is_array())
        reader.fail("grid", "expected lists, '" + name + "' is " + base::kind_of(values));
      made.grid[name] = *from_json(values, places.at(at)).list();
    });
  } else {
    step.expected("foreach", "a list, {\"grid\": …} or \"${parameters.NAME}\"", *json);
  }
  return made;
}

const std::vector<std::string> kStepFields = {
    "name",    "kind",      "description", "needs",           "with",
    "foreach", "when",      "retry",       "timeout_seconds", "failure_policy",
    "outputs", "resources", "cache"};

Step parse_step(const Json& json, const Places& places, const std::string& pointer, size_t index) {
  std::string label = "step " + std::to_string(index + 1);
  if (json.is_object() && json.contains("name") && json["name"].is_string())
    label = "step '" + base::printable(json["name"].get<std::string>(), 80) + "'";
  const JsonReader reader(json, places, pointer, label);
  reader.only(kStepFields);
  Step made;
  made.name = reader.required_text("name");
  made.kind = reader.required_text("kind");
  made.description = reader.text("description");
  made.needs = reader.texts("needs");
  made.with = reader.object("with");
  made.foreach = parse_foreach(reader, places);
  if (const Json* when = reader.find("when"); when != nullptr && when->is_object()) {
    made.when.push_back(parse_condition(*when, places, pointer + "/when", label));
  } else {
    reader.each_entry("when", [&](const Json& item, const std::string& at) {
      made.when.push_back(parse_condition(item, places, at, label));
    });
  }
  if (reader.find("retry") != nullptr) made.retry = parse_retry(reader.nested("retry"));
  made.timeout_seconds = reader.number("timeout_seconds", 0, 0);
  made.failure_policy =
      parse_failure_policy(reader.text("failure_policy", "all"), reader.context("failure_policy"));
  reader.each_member("outputs", [&](const std::string& key, const Json& item, const std::string& at) {
    made.outputs[key] = parse_output(item, places, at, label + ": output '" + base::printable(key, 80) + "'");
  });
  if (reader.find("resources") != nullptr)
    made.resources = parse_resources(reader.nested("resources"), places);
  made.cache = reader.boolean("cache", true);
  return made;
}

PipelineBudget parse_budget(const JsonReader& reader) {
  reader.only({"cpus", "memory_bytes", "gpus"});
  return {.cpus = reader.number("cpus", 0, 0),
          .memory_bytes = reader.bytes("memory_bytes"),
          .gpus = reader.integer("gpus", 0, 0)};
}

}  // namespace

Spec parse_spec(const Json& json, std::shared_ptr<const Places> places) {
  const JsonReader reader(json, *places, "", "");
  reader.only({"name", "description", "parameters", "steps", "on_exit", "budget"});
  Spec made;
  made.name = reader.required_text("name");
  made.description = reader.text("description");
  reader.each_member("parameters", [&](const std::string& name, const Json& item, const std::string& at) {
    made.parameters.push_back(parse_parameter(name, item, *places, at));
  });
  std::sort(made.parameters.begin(), made.parameters.end(),
            [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
  reader.each_entry("steps", [&](const Json& item, const std::string& at) {
    made.steps.push_back(parse_step(item, *places, at, made.steps.size()));
  });
  made.on_exit = reader.texts("on_exit");
  if (reader.find("budget") != nullptr) made.budget = parse_budget(reader.nested("budget"));
  made.places = std::move(places);
  return made;
}

}  // namespace whorl::pipeline
