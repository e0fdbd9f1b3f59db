// Values of parameters, and the items of a foreach.
#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "pipeline/expressions.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {
namespace {

bool fits(const std::string& type, const Value& value) {
  if (type == "string") return value.text() != nullptr;
  if (type == "int") return value.get<int64_t>() != nullptr;
  if (type == "float") return value.is_number();
  if (type == "bool") return value.get<bool>() != nullptr;
  return type == "list" && value.list() != nullptr;
}

std::string choices_text(const List& choices) {
  std::string text;
  for (const auto& choice : choices) text += (text.empty() ? "" : ", ") + shown(choice);
  return text;
}

}  // namespace

// Used by the validator for defaults and choices as well.
Value checked_parameter(const Parameter& parameter, Value value, const std::string& where) {
  const auto name = "parameter '" + parameter.name + "'";
  if (!fits(parameter.type, value))
    base::invalid(where, ": ", name, ": expected type ", parameter.type, ", got ", kind_of(value), " (",
                  shown(value), ")");
  if (parameter.type == "float") value = value.number();
  const auto& choices = parameter.choices;
  const bool chosen =
      choices.empty() || std::any_of(choices.begin(), choices.end(),
                                     [&](const Value& choice) { return holds(choice, "==", value); });
  if (!chosen)
    base::invalid(where, ": ", name, ": expected one of ", choices_text(choices), ", got ", shown(value));
  return value;
}

ParameterValues bind_parameters(const Spec& spec, const Object& given, const std::string& operation) {
  const std::string where = "[" + operation + "] pipeline '" + spec.name + "'";
  std::vector<std::string> names;
  for (const auto& parameter : spec.parameters) names.push_back(parameter.name);
  for (const auto& [name, value] : given)
    if (spec.parameter(name) == nullptr)
      base::invalid(where, ": no parameter '", base::printable(name, 80), "'",
                    base::did_you_mean(name, names));
  ParameterValues bound;
  for (const auto& parameter : spec.parameters) {
    const auto found = given.find(parameter.name);
    if (found != given.end()) {
      bound[parameter.name] = checked_parameter(parameter, found->second, where);
    } else if (parameter.fallback) {
      bound[parameter.name] = checked_parameter(parameter, *parameter.fallback, where);
    } else {
      base::invalid(where, ": parameter '", parameter.name, "' has no default and was not given",
                    parameter.description.empty() ? "" : " (" + parameter.description + ")");
    }
  }
  return bound;
}

namespace {

List grid_items(const std::map<std::string, List>& grid) {
  List items = {Object{}};
  for (const auto& [name, values] : grid) {
    List longer;
    for (const auto& item : items)
      for (const auto& value : values) {
        Object made = *item.object();
        made[name] = value;
        longer.push_back(std::move(made));
      }
    items = std::move(longer);
  }
  return items;
}

}  // namespace

List items_of(const Step& step, const ParameterValues& parameters) {
  switch (step.foreach.form) {
    case Foreach::Form::list:
      return step.foreach.items;
    case Foreach::Form::grid:
      return grid_items(step.foreach.grid);
    case Foreach::Form::parameter:
      return *parameters.at(step.foreach.parameter).list();
    default:
      return {Value()};
  }
}

PipelineResources resources_of(const Step& step, const ParameterValues& parameters,
                               const std::string& operation) {
  PipelineResources made = step.resources;
  made.parameters.clear();
  for (const auto& [field, name] : step.resources.parameters) {
    const Value& value = parameters.at(name);
    base::check_argument(value.number() >= 0, "[", operation, "] step '", step.name, "': field 'resources.",
                         field, "': parameter '", name, "' expected 0 or more, got ", shown(value));
    if (field == "cpus") made.cpus = value.number();
    if (field == "memory_bytes") made.memory_bytes = static_cast<uint64_t>(value.number());
    if (field == "gpus") made.gpus = static_cast<int64_t>(value.number());
  }
  return made;
}

}  // namespace whorl::pipeline
