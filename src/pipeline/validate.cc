// The meaning of a spec: every problem is found and named in one pass.
#include "pipeline/validate.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/yaml.h"
#include "pipeline/expressions.h"
#include "pipeline/kinds.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {

void Problems::add(const std::string& pointer, const std::string& problem) {
  found_.push_back(spec_.places->at(pointer) + ": " + problem);
}

void Problems::of_step(size_t step, const std::string& pointer, const std::string& problem) {
  add(base::pointer_to("/steps", step) + pointer,
      "step '" + base::printable(spec_.steps[step].name, 80) + "': " + problem);
}

void Problems::raise() const {
  if (found_.empty()) return;
  std::string all;
  for (const auto& problem : found_) all += (all.empty() ? "" : "\n") + problem;
  throw std::invalid_argument(all);
}

namespace {

bool dashed_name(const std::string& name) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 63 && name[0] >= 'a' && name[0] <= 'z' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), good);
}

bool key_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && name.size() <= 64 && letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

constexpr const char* kDashed =
    "expected lower-case letters, digits and '-', beginning with a letter, at most 63";
constexpr const char* kKey =
    "expected letters, digits, '_' and '-', beginning with a letter or '_', at most 64";

std::vector<std::string> step_names(const Spec& spec) {
  std::vector<std::string> names;
  for (const auto& step : spec.steps) names.push_back(step.name);
  return names;
}

bool one_of(const std::string& text, const std::vector<std::string>& known) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

std::string listed(const std::vector<std::string>& known) {
  std::string text;
  for (const auto& name : known) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void check_parameters(const Spec& spec, Problems& problems) {
  const std::vector<std::string> types = {"string", "int", "float", "bool", "list"};
  for (const auto& parameter : spec.parameters) {
    const auto pointer = base::pointer_to("/parameters", parameter.name);
    const auto label = "parameter '" + base::printable(parameter.name, 80) + "': ";
    if (!key_name(parameter.name)) problems.add(pointer, label + "not a name: " + kKey);
    if (!one_of(parameter.type, types)) {
      problems.add(pointer, label + "unknown type '" + base::printable(parameter.type, 40) + "', one of " +
                                listed(types) + base::did_you_mean(parameter.type, types));
      continue;
    }
    Parameter free = parameter;
    free.choices.clear();
    std::vector<std::pair<const Parameter*, const Value*>> values;
    for (const auto& choice : parameter.choices) values.emplace_back(&free, &choice);
    if (parameter.fallback) values.emplace_back(&parameter, &*parameter.fallback);
    for (const auto& [rule, value] : values) {
      try {
        checked_parameter(*rule, *value, spec.places->at(pointer));
      } catch (const std::invalid_argument& error) {
        problems.add_whole(error.what());
      }
    }
  }
}

void check_names(const Spec& spec, Problems& problems) {
  if (!dashed_name(spec.name))
    problems.add("/name", "name '" + base::printable(spec.name, 80) + "': " + kDashed + " characters");
  if (spec.steps.empty()) problems.add("/steps", "a pipeline needs at least one step");
  std::set<std::string> seen;
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const auto& name = spec.steps[i].name;
    if (!dashed_name(name))
      problems.of_step(i, "/name", std::string("not a name: ") + kDashed + " characters");
    if (!seen.insert(name).second) problems.of_step(i, "/name", "the name is taken by an earlier step");
  }
  for (const auto& name : spec.on_exit)
    if (spec.find(name) == nullptr)
      problems.add("/on_exit", "field 'on_exit': no step '" + base::printable(name, 80) + "'" +
                                   base::did_you_mean(name, step_names(spec)));
}

void check_needs(const Spec& spec, size_t index, Problems& problems) {
  const Step& step = spec.steps[index];
  for (const auto& name : step.needs) {
    if (spec.find(name) == nullptr)
      problems.of_step(index, "/needs",
                       "field 'needs': no step '" + base::printable(name, 80) + "'" +
                           base::did_you_mean(name, step_names(spec)));
    else if (name == step.name)
      problems.of_step(index, "/needs", "field 'needs': a step cannot need itself");
    else if (spec.is_exit(step.name) && !spec.is_exit(name))
      problems.of_step(
          index, "/needs",
          "field 'needs': '" + name + "' is no exit step: an exit step runs after all of those anyway");
    else if (spec.is_exit(name) && !spec.is_exit(step.name))
      problems.of_step(index, "/needs", "field 'needs': '" + name + "' is an exit step and runs at the end");
  }
}

constexpr size_t kMaxItems = 10'000;

void check_item(const Spec&, size_t index, const Value& item, const std::string& pointer,
                Problems& problems) {
  try {
    if (!references_in(item).empty())
      problems.of_step(
          index, pointer,
          "field 'foreach': items are literal; a list that is chosen later is a parameter of type "
          "list: \"${parameters.NAME}\"");
  } catch (const std::invalid_argument& error) {
    problems.of_step(index, pointer, std::string("field 'foreach': ") + error.what());
  }
}

void check_foreach(const Spec& spec, size_t index, Problems& problems) {
  const Step& step = spec.steps[index];
  const Foreach& foreach = step.foreach;
  size_t count = foreach.items.size();
  for (const auto& item : foreach.items) check_item(spec, index, item, "/foreach", problems);
  if (foreach.form == Foreach::Form::parameter) {
    const Parameter* parameter = spec.parameter(foreach.parameter);
    if (parameter == nullptr) {
      std::vector<std::string> names;
      for (const auto& known : spec.parameters) names.push_back(known.name);
      problems.of_step(index, "/foreach",
                       "field 'foreach': no parameter '" + base::printable(foreach.parameter, 80) + "'" +
                           base::did_you_mean(foreach.parameter, names));
    } else if (parameter->type != "list") {
      problems.of_step(index, "/foreach",
                       "field 'foreach': parameter '" + foreach.parameter + "' is of type " +
                           parameter->type + ", expected list");
    }
  }
  if (foreach.form == Foreach::Form::grid) {
    count = 1;
    if (foreach.grid.empty()) problems.of_step(index, "/foreach/grid", "field 'foreach.grid': it is empty");
    for (const auto& [name, values] : foreach.grid) {
      const auto pointer = base::pointer_to("/foreach/grid", name);
      if (!key_name(name))
        problems.of_step(index, pointer,
                         "field 'foreach.grid': '" + base::printable(name, 80) + "': " + kKey);
      if (values.empty())
        problems.of_step(index, pointer, "field 'foreach.grid': '" + name + "' has no values");
      for (const auto& value : values) check_item(spec, index, value, pointer, problems);
      count = std::min(count * values.size(), kMaxItems + 1);
    }
  }
  if (count > kMaxItems)
    problems.of_step(index, "/foreach", "field 'foreach': more than " + std::to_string(kMaxItems) + " items");
  const auto& policy = step.failure_policy;
  if (policy.form != FailurePolicy::Form::all && !step.repeats())
    problems.of_step(index, "/failure_policy", "field 'failure_policy': it speaks of the items of a foreach");
  const bool known = foreach.form == Foreach::Form::list || foreach.form == Foreach::Form::grid;
  if (known && policy.form == FailurePolicy::Form::at_least && static_cast<size_t>(policy.at_least) > count)
    problems.of_step(
        index, "/failure_policy",
        base::concat("field 'failure_policy': at_least ", policy.at_least, " of ", count, " items"));
}

void check_output(const Spec& spec, size_t index, const std::string& key, const PipelineOutput& output,
                  Problems& problems) {
  const auto pointer = base::pointer_to("/outputs", key);
  const auto fail = [&](const std::string& what) {
    problems.of_step(index, pointer, "output '" + base::printable(key, 80) + "': " + what);
  };
  if (!key_name(key)) fail(std::string("not a name: ") + kKey);
  if (!one_of(output.type, {"artifact", "json", "text"}))
    fail("unknown type '" + base::printable(output.type, 40) + "', one of artifact, json, text");
  const bool command = spec.steps[index].kind == "command";
  if (output.path.empty()) {
    if (command) fail("expected the path of a file or folder beneath the step's folder, or \"-\"");
    if (output.type == "artifact") fail("an artifact needs a path beneath the step's folder");
  } else if (output.path == "-") {
    if (!command) fail("\"-\" is the standard output of a command");
    if (output.type == "artifact") fail("\"-\" is a value: type text or json");
  } else {
    try {
      base::check_relative_name(output.path, "path");
    } catch (const std::invalid_argument& error) {
      fail(error.what());
    }
  }
}

void check_outputs(const Spec& spec, size_t index, Problems& problems) {
  const Step& step = spec.steps[index];
  const Kind* kind = find_kind(step.kind);
  if (kind == nullptr || step.outputs.empty()) return;
  if (!kind->declares_outputs) {
    std::vector<std::string> own;
    for (const auto& output : kind->outputs) own.push_back(output.key);
    problems.of_step(index, "/outputs",
                     "field 'outputs': kind '" + step.kind + "' has outputs of its own: " + listed(own));
    return;
  }
  for (const auto& [key, output] : step.outputs) check_output(spec, index, key, output, problems);
}

void check_volumes(const PipelineResources& resources, size_t index, Problems& problems) {
  std::set<std::string> names;
  for (size_t i = 0; i < resources.volumes.size(); ++i) {
    const auto& volume = resources.volumes[i];
    const auto pointer = base::pointer_to("/resources/volumes", i);
    const auto label = "volume '" + base::printable(volume.name, 80) + "': ";
    if (!dashed_name(volume.name) || !names.insert(volume.name).second)
      problems.of_step(index, pointer,
                       label + "expected a name of its own, lower-case letters, digits and '-'");
    if (volume.mount_path.empty() || volume.mount_path[0] != '/')
      problems.of_step(index, pointer, label + "field 'mount_path': expected an absolute path");
    if (!volume.claim.empty() + !volume.secret.empty() + !volume.config_map.empty() > 1)
      problems.of_step(index, pointer, label + "expected one of claim, secret and config_map");
  }
}

bool by_digest(const std::string& image) {
  const size_t at = image.find("@sha256:");
  return at != std::string::npos && at > 0 && base::is_sha256_hex(image.substr(at + 8));
}

void check_resources(const Spec& spec, size_t index, Problems& problems) {
  const auto& resources = spec.steps[index].resources;
  for (const auto& [field, name] : resources.parameters) {
    const auto pointer = base::pointer_to("/resources", field);
    const auto label = "field 'resources." + base::printable(field, 40) + "': ";
    const Parameter* parameter = spec.parameter(name);
    if (!one_of(field, {"cpus", "memory_bytes", "gpus"})) {
      problems.of_step(index, pointer, label + "only cpus, memory_bytes and gpus are given by parameters");
    } else if (parameter == nullptr) {
      std::vector<std::string> names;
      for (const auto& known : spec.parameters) names.push_back(known.name);
      problems.of_step(
          index, pointer,
          label + "no parameter '" + base::printable(name, 80) + "'" + base::did_you_mean(name, names));
    } else if (parameter->type != "int" && !(field == "cpus" && parameter->type == "float")) {
      problems.of_step(index, pointer,
                       label + "parameter '" + name + "' is of type " + parameter->type + ", expected int" +
                           (field == "cpus" ? " or float" : ""));
    }
  }
  if (!resources.image.empty() && !by_digest(resources.image))
    problems.of_step(index, "/resources/image",
                     "field 'resources.image': expected an image by digest (name@sha256:…), got '" +
                         base::printable(resources.image, 100) + "'; a tag can change under the cache");
  for (size_t i = 0; i < resources.tolerations.size(); ++i) {
    const auto& toleration = resources.tolerations[i];
    const auto pointer = base::pointer_to("/resources/tolerations", i);
    if (!one_of(toleration.op, {"Equal", "Exists"}))
      problems.of_step(index, pointer, "toleration: field 'operator': expected Equal or Exists");
    if (!one_of(toleration.effect, {"", "NoSchedule", "PreferNoSchedule", "NoExecute"}))
      problems.of_step(index, pointer,
                       "toleration: field 'effect': expected NoSchedule, PreferNoSchedule or NoExecute");
  }
  check_volumes(resources, index, problems);
}

void check_retry(const Spec& spec, size_t index, Problems& problems) {
  const std::vector<std::string> policies = {"infrastructure", "any", "never"};
  const auto& policy = spec.steps[index].retry.policy;
  if (!one_of(policy, policies))
    problems.of_step(index, "/retry/policy",
                     "field 'retry.policy': unknown policy '" + base::printable(policy, 40) + "', one of " +
                         listed(policies) + base::did_you_mean(policy, policies));
  if (spec.steps[index].retry.limit > 1000)
    problems.of_step(index, "/retry/limit", "field 'retry.limit': at most 1000");
}

// Steps that are left over when everything that can be ordered is ordered stand in a cycle, or behind one.
void check_cycles(const Spec& spec, Problems& problems) {
  const auto order = order_of(spec);
  if (order.size() == spec.steps.size()) return;
  const std::set<size_t> placed(order.begin(), order.end());
  size_t at = 0;
  while (placed.contains(at)) ++at;
  // Walk back along unplaced needs until one comes twice.
  std::vector<size_t> trail;
  while (std::find(trail.begin(), trail.end(), at) == trail.end()) {
    trail.push_back(at);
    const auto needs = needs_of(spec, spec.steps[at]);
    const auto next =
        std::find_if(needs.begin(), needs.end(), [&](size_t need) { return !placed.contains(need); });
    if (next == needs.end()) return;
    at = *next;
  }
  std::string text = spec.steps[at].name;
  for (auto it = std::find(trail.begin(), trail.end(), at) + 1; it != trail.end(); ++it)
    text += " needs " + spec.steps[*it].name;
  problems.of_step(at, "", "steps need each other in a circle: " + text + " needs " + spec.steps[at].name);
}

}  // namespace

void validate(const Spec& spec) {
  Problems problems(spec);
  check_names(spec, problems);
  check_parameters(spec, problems);
  std::vector<std::string> known;
  for (const auto& kind : kinds()) known.push_back(kind.name);
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    const Step& step = spec.steps[i];
    if (const Kind* kind = find_kind(step.kind)) {
      check_step_arguments(spec, i, *kind, problems);
    } else {
      problems.of_step(i, "/kind",
                       "unknown kind '" + base::printable(step.kind, 80) + "', one of " + listed(known) +
                           base::did_you_mean(step.kind, known));
    }
    check_needs(spec, i, problems);
    check_foreach(spec, i, problems);
    check_conditions(spec, i, problems);
    check_retry(spec, i, problems);
    check_outputs(spec, i, problems);
    check_resources(spec, i, problems);
  }
  problems.raise();  // what is malformed has no order
  check_cycles(spec, problems);
  problems.raise();
}

}  // namespace whorl::pipeline
