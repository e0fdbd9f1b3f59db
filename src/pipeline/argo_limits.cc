#include "pipeline/argo_limits.h"

#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"

namespace whorl::pipeline {

using base::check_argument;
using base::Json;

namespace {

const Json& member(const Json& object, const char* key) {
  static const Json kNothing = Json::array();
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? kNothing : *found;
}

void check_count(size_t count, size_t most, const std::string& what) {
  check_argument(count <= most, what, ": ", count, " of them; Argo takes ", most);
}

void check_tasks(const Json& tasks, const std::string& where, const ArgoLimits& limits) {
  check_count(tasks.size(), limits.tasks, where + ": dag.tasks");
  std::set<std::string> names, folded;
  for (const Json& task : tasks) {
    std::string name = task["name"];
    check_argument(name.size() <= limits.task_name_bytes, where, ": task '", name, "' has ", name.size(),
                   " bytes; Argo takes ", limits.task_name_bytes);
    check_argument(names.insert(name).second, where, ": two tasks are called '", name, "'");
    const bool digit = !name.empty() && name[0] >= '0' && name[0] <= '9';
    check_argument(!digit || !task.contains("depends"), where, ": task '", name,
                   "' begins with a digit, which 'depends' forbids");
    for (char& c : name) c = c == '-' ? '_' : c;  // as Argo reads names inside 'depends'
    check_argument(folded.insert(name).second, where, ": tasks that differ only in '-' and '_' ('", name,
                   "') are one to 'depends'");
  }
}

void check_container(const Json& container, const std::string& where, const ArgoLimits& limits) {
  size_t bytes = 0;
  for (const char* list : {"command", "args"})
    for (const Json& text : member(container, list)) bytes += text.get_ref<const std::string&>().size() + 1;
  check_argument(bytes <= limits.argument_bytes, where, ": container.args have ", bytes,
                 " bytes; a pod takes ", limits.argument_bytes);
}

void check_template(const Json& made, const std::string& where, const ArgoLimits& limits) {
  check_count(member(member(made, "inputs"), "parameters").size(), limits.inputs,
              where + ": inputs.parameters");
  int types = 0;
  for (const char* type : {"container", "script", "dag", "steps", "resource", "suspend", "containerSet",
                           "data", "http", "plugin"})
    types += made.contains(type);
  check_argument(types == 1, where, ": expected one type of template, got ", types);
  const bool leaf = !made.contains("dag") && !made.contains("steps");
  check_argument(leaf || (!made.contains("timeout") && !made.contains("activeDeadlineSeconds")), where,
                 ": only leaf templates have time limits");
  if (made.contains("dag")) check_tasks(member(made["dag"], "tasks"), where, limits);
  if (made.contains("container")) check_container(made["container"], where, limits);
}

}  // namespace

void check_limits(const Json& object, const std::string& where, const ArgoLimits& limits) {
  const Json& spec = member(object, "spec");
  const Json& templates = member(spec, "templates");
  check_count(templates.size(), limits.templates, where + ": spec.templates");
  std::set<std::string> names;
  for (const Json& made : templates) {
    const std::string name = made["name"];
    check_argument(names.insert(name).second, where, ": two templates are called '", name, "'");
    check_template(made, where + ": template '" + name + "'", limits);
  }
  check_count(member(member(spec, "arguments"), "parameters").size(), limits.inputs,
              where + ": spec.arguments.parameters");
  const size_t bytes = object.dump().size();
  check_argument(bytes <= limits.object_bytes, where, ": the ", std::string(object["kind"]), " has ", bytes,
                 " bytes; a cluster takes ", limits.object_bytes,
                 ". Keep data in files and name them in the plan");
}

}  // namespace whorl::pipeline
