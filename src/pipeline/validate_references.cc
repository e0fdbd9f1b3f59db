// What the references of a step name, and whether it fits where it stands.
#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "pipeline/expressions.h"
#include "pipeline/validate.h"

namespace whorl::pipeline {
namespace {

std::vector<std::string> parameter_names(const Spec& spec) {
  std::vector<std::string> names;
  for (const auto& parameter : spec.parameters) names.push_back(parameter.name);
  return names;
}

// Names that ${item.KEY} may use; empty where they are not known before the run, or where items are no
// objects.
struct ItemKeys {
  bool known = false;
  std::vector<std::string> names;
};

ItemKeys item_keys(const Foreach& foreach) {
  ItemKeys keys;
  if (foreach.form == Foreach::Form::grid) {
    keys.known = true;
    for (const auto& [name, unused] : foreach.grid) keys.names.push_back(name);
  } else if (foreach.form == Foreach::Form::list && !foreach.items.empty()) {
    keys.known = true;
    // What every item has.
    if (const auto* first = foreach.items[0].object())
      for (const auto& [name, unused] : *first)
        if (std::all_of(foreach.items.begin(), foreach.items.end(),
                        [&](const Value& item) { return item.find(name) != nullptr; }))
          keys.names.push_back(name);
  }
  return keys;
}

std::string check_step_output(const Spec& spec, const Step& step, const Reference& reference) {
  std::vector<std::string> names;
  for (const auto& candidate : spec.steps) names.push_back(candidate.name);
  const Step* other = spec.find(reference.name);
  if (other == nullptr) return "no step '" + reference.name + "'" + base::did_you_mean(reference.name, names);
  if (other == &step) return "a step cannot refer to its own outputs";
  if (spec.is_exit(reference.name) && !spec.is_exit(step.name))
    return "'" + reference.name + "' is an exit step and runs at the end";
  const auto outputs = output_names(*other);
  if (std::find(outputs.begin(), outputs.end(), reference.key) != outputs.end()) return {};
  return "step '" + reference.name + "' (" + other->kind + ") has no output '" + reference.key + "'" +
         base::did_you_mean(reference.key, outputs);
}

std::string check_item(const Step& step, const Reference& reference) {
  if (!step.repeats()) return "the step has no foreach";
  const auto keys = item_keys(step.foreach);
  if (!keys.known || reference.name.empty()) return {};
  if (std::find(keys.names.begin(), keys.names.end(), reference.name) != keys.names.end()) return {};
  return "not every item has a '" + reference.name + "'" + base::did_you_mean(reference.name, keys.names);
}

std::string check_input(const Step& step, const Reference& reference) {
  if (step.kind != "command") return "only commands have inputs by name";
  std::vector<std::string> names;
  if (const auto inputs = step.with.find("inputs");
      inputs != step.with.end() && inputs->second.object() != nullptr)
    for (const auto& [name, unused] : *inputs->second.object()) names.push_back(name);
  if (std::find(names.begin(), names.end(), reference.name) != names.end()) return {};
  return "no input '" + reference.name + "'" + base::did_you_mean(reference.name, names);
}

// "" = fine.
std::string check_reference(const Spec& spec, const Step& step, const Reference& reference) {
  switch (reference.root) {
    case Reference::Root::parameters: {
      if (spec.parameter(reference.name) != nullptr) return {};
      return "no parameter '" + reference.name + "'" +
             base::did_you_mean(reference.name, parameter_names(spec));
    }
    case Reference::Root::steps:
      return check_step_output(spec, step, reference);
    case Reference::Root::item:
      return check_item(step, reference);
    case Reference::Root::inputs:
      return check_input(step, reference);
    default:
      if (!spec.is_exit(step.name)) return "the state of the run is known to exit steps only";
      if (reference.name == "state" || reference.name == "id") return {};
      return "a run has 'state' and 'id'";
  }
}

bool inputs_may_stand(const std::string& pointer) {
  return pointer.starts_with("/command") || pointer.starts_with("/environment");
}

// Every reference of `value`, which stands under `field` of the step.
void check_value(const Spec& spec, size_t index, const Value& value, const std::string& field,
                 Problems& problems) {
  const Step& step = spec.steps[index];
  const auto pointer = "/" + field;
  try {
    each_reference(value, [&](const Reference& reference, const std::string& at) {
      auto problem = check_reference(spec, step, reference);
      if (problem.empty() && reference.root == Reference::Root::inputs && !inputs_may_stand(at))
        problem = "inputs are for 'command' and 'environment'";
      if (!problem.empty())
        problems.of_step(index, pointer + at, "field '" + field + "': '" + reference.text + "': " + problem);
    });
  } catch (const std::invalid_argument& error) {
    problems.of_step(index, pointer, "field '" + field + "': " + error.what());
  }
}

// A parameter's type is known before the run: an example of it must fit the argument.
Value example_of(const Parameter& parameter) {
  if (parameter.type == "int") return int64_t{0};
  if (parameter.type == "float") return 0.0;
  if (parameter.type == "bool") return false;
  if (parameter.type == "list") return List{};
  return std::string("text");
}

void check_parameter_types(const Spec& spec, size_t index, const Kind& kind, Problems& problems) {
  for (const auto& [name, value] : spec.steps[index].with) {
    if (value.text() == nullptr || find_argument(kind, name) == nullptr) continue;
    const auto pieces = split_references(*value.text());
    if (!is_one_reference(pieces) || pieces[0].reference.root != Reference::Root::parameters) continue;
    const Parameter* parameter = spec.parameter(pieces[0].reference.name);
    if (parameter == nullptr) continue;
    Kind one = kind;
    std::erase_if(one.arguments, [&](const Argument& argument) { return argument.name != name; });
    check_arguments(one, {{name, example_of(*parameter)}}, [&](const std::string& at, const std::string&) {
      problems.of_step(index, "/with" + at,
                       "argument '" + name + "': expected " + name_of(one.arguments[0].type) +
                           ", but parameter '" + parameter->name + "' is of type " + parameter->type);
    });
  }
}

}  // namespace

void check_step_arguments(const Spec& spec, size_t index, const Kind& kind, Problems& problems) {
  check_value(spec, index, spec.steps[index].with, "with", problems);
  try {
    check_arguments(kind, spec.steps[index].with, [&](const std::string& at, const std::string& problem) {
      problems.of_step(index, "/with" + at, problem);
    });
    check_parameter_types(spec, index, kind, problems);
  } catch (const std::invalid_argument&) {
    // A malformed reference, which check_value has named.
  }
}

void check_conditions(const Spec& spec, size_t index, Problems& problems) {
  const auto& conditions = spec.steps[index].when;
  for (size_t i = 0; i < conditions.size(); ++i) {
    const auto& condition = conditions[i];
    const auto pointer = base::pointer_to("/when", i);
    check_value(spec, index, condition.left, "when", problems);
    check_value(spec, index, condition.right, "when", problems);
    const auto& ops = condition_ops();
    if (std::find(ops.begin(), ops.end(), condition.op) == ops.end())
      problems.of_step(index, pointer,
                       "field 'when': unknown op '" + base::printable(condition.op, 20) +
                           "', one of ==, !=, <, <=, >, >=, in");
    if (condition.op == "in" && condition.right.list() == nullptr && condition.right.text() == nullptr)
      problems.of_step(index, pointer, "field 'when': 'in' needs a list on the right");
  }
}

}  // namespace whorl::pipeline
