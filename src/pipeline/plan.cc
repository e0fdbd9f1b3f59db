#include "pipeline/plan.h"

#include <filesystem>

#include "base/check.h"
#include "pipeline/expressions.h"
#include "pipeline/kinds.h"

namespace whorl::pipeline {
namespace {

Value output_value(const PlanView& view, const Reference& reference) {
  const size_t step = view.spec.index_of(reference.name);
  const auto one = [&](size_t item) -> Value {
    const Object* outputs = view.outputs(step, item);
    if (outputs == nullptr) return {};
    const auto found = outputs->find(reference.key);
    return found == outputs->end() ? Value() : found->second;
  };
  if (!view.spec.steps[step].repeats()) return one(0);
  List all;
  for (size_t item = 0; item < view.items[step].size(); ++item) all.push_back(one(item));
  return all;
}

Value resolve(const PlanView& view, const Value& item, const Reference& reference) {
  switch (reference.root) {
    case Reference::Root::parameters:
      return view.parameters.at(reference.name);
    case Reference::Root::steps:
      return output_value(view, reference);
    case Reference::Root::item:
      return item_value(item, reference);
    case Reference::Root::run:
      return reference.name == "id" ? view.run_id : view.run_state;
    default:
      return reference.text;  // inputs: where they lie is no part of what is done
  }
}

std::string absolute(const std::string& path) { return std::filesystem::absolute(path).string(); }

// Relative paths begin in the pipeline's folder.
Value located(const Value& value, const std::string& folder) {
  if (const auto* path = value.text()) return absolute(beneath(folder, *path));
  if (const auto* list = value.list()) {
    List made;
    for (const auto& entry : *list) made.push_back(located(entry, folder));
    return made;
  }
  if (const auto* object = value.object()) {
    Object made;
    for (const auto& [key, member] : *object) made.emplace(key, located(member, folder));
    return made;
  }
  return value;
}

Object local_arguments(const PlanView& view, const Step& step, const JobItem& made, const RunStore& store) {
  const Value* inputs = nullptr;
  if (const auto found = made.with.find("inputs"); found != made.with.end()) inputs = &found->second;
  const auto here = [&](const Reference& reference) -> Value {
    if (reference.root == Reference::Root::inputs && inputs != nullptr)
      return located(localised(*inputs->find(reference.name), store), view.spec.folder);
    return localised(resolve(view, made.item, reference), store);
  };
  Object local = *substitute(step.with, here).object();
  for (auto& [name, value] : local) {
    const Argument* argument = find_argument(*find_kind(step.kind), name);
    if (argument != nullptr && holds_paths(argument->type)) value = located(value, view.spec.folder);
  }
  return local;
}

}  // namespace

bool conditions_hold(const PlanView& view, const Step& step, const Value& item) {
  const auto here = [&](const Reference& reference) { return resolve(view, item, reference); };
  for (const auto& condition : step.when)
    if (!holds(substitute(condition.left, here), condition.op, substitute(condition.right, here)))
      return false;
  return true;
}

JobItem prepare(const PlanView& view, const Step& step, InstanceId id, const RunStore& store) {
  JobItem made{.id = id,
               .name = instance_name(step, id.item),
               .key = {},
               .item = view.items[id.step][id.item],
               .with = {},
               .local = {}};
  const auto here = [&](const Reference& reference) { return resolve(view, made.item, reference); };
  made.with = *substitute(step.with, here).object();
  std::erase_if(made.with, [](const auto& member) { return member.second.is_null(); });
  std::string problems;
  check_arguments(*find_kind(step.kind), made.with, [&](const std::string&, const std::string& problem) {
    problems += (problems.empty() ? "" : "; ") + problem;
  });
  base::check_argument(problems.empty(), "[Pipeline.run] step '", made.name, "': ", problems);
  made.local = local_arguments(view, step, made, store);
  return made;
}

bool one_pass(const Step& step) {
  if (step.kind != "train" || !step.repeats()) return false;
  bool same = true;
  each_reference(step.with, [&](const Reference& reference, const std::string& pointer) {
    if (reference.root == Reference::Root::item && !pointer.starts_with("/adapter")) same = false;
  });
  return same;
}

}  // namespace whorl::pipeline
