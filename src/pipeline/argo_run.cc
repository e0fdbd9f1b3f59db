#include "pipeline/argo_run.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "pipeline/kubernetes_names.h"

namespace whorl::pipeline {

using base::check_argument;
using base::Json;

namespace {

constexpr size_t kMostCronName = 52;  // the controller adds a time to it

Json run_spec(const Deployment& deployment) {
  Json spec = {{"workflowTemplateRef", {{"name", deployment.spec.name}}}};
  for (const auto& [name, value] : given_parameters(deployment)) {
    const std::string text = parameter_text(deployment, *deployment.spec.parameter(name), value);
    spec["arguments"]["parameters"].push_back({{"name", name}, {"value", text}});
  }
  return spec;
}

// Five fields, or a word for them; the controller reads them for good.
void check_schedule(const std::string& schedule, const std::string& where) {
  size_t fields = 0;
  bool inside = false;
  for (const char c : schedule) {
    const bool blank = c == ' ';
    if (!blank && !inside) ++fields;
    inside = !blank;
    check_argument(static_cast<unsigned char>(c) >= ' ' && c != '{', where, ": '", schedule,
                   "' is no schedule");
  }
  const bool word = schedule.rfind("@", 0) == 0;
  check_argument(word ? fields <= 2 : fields == 5, where, ": expected five fields (\"0 3 * * *\"), got '",
                 schedule, "'");
}

}  // namespace

std::string parameter_text(const Deployment& deployment, const Parameter& parameter, const Value& value) {
  const bool rounded = parameter.type == "float" && value.is_number();
  const std::string text = plain_text(rounded ? Value(value.number()) : value);
  check_no_template(text, deployment.where + ": parameter '" + parameter.name + "'");
  return text;
}

Object given_parameters(const Deployment& deployment) {
  const std::string where = deployment.where + ": options.parameters";
  if (deployment.options.parameters.empty()) return {};
  const Value given = parse_value(deployment.options.parameters, where);
  check_argument(given.object() != nullptr, where, ": expected an object, got ", kind_of(given));
  bind_parameters(deployment.spec, *given.object(), deployment.operation);
  return *given.object();
}

std::string run_name(const Deployment& deployment) {
  if (!deployment.options.run_id.empty()) return deployment.options.run_id;
  const std::string given = compact(given_parameters(deployment));
  return deployment.spec.name + "-" + base::sha256_hex(deployment.digest + given).substr(0, 10);
}

Json workflow(const Deployment& deployment) {
  if (deployment.options.parameters.empty())
    bind_parameters(deployment.spec, {},
                    deployment.operation);  // a run without values for what has no default
  const std::string name = run_name(deployment);
  Json object = {{"apiVersion", "argoproj.io/v1alpha1"}, {"kind", "Workflow"}};
  object["metadata"] = metadata(deployment, name);
  object["metadata"]["labels"] = labels(deployment, name, nullptr);
  object["spec"] = run_spec(deployment);
  return object;
}

Json cron_workflow(const Deployment& deployment, const ArgoOptions& options) {
  const std::string where = deployment.where + ": options.";
  check_object_name(deployment.spec.name, kMostCronName, deployment.where + ": schedules");
  for (const std::string& schedule : options.schedules) check_schedule(schedule, where + "schedules");
  const std::vector<std::string> policies = {"Allow", "Forbid", "Replace"};
  check_argument(std::count(policies.begin(), policies.end(), options.concurrency_policy) == 1,
                 where + "concurrency_policy", ": expected \"Allow\", \"Forbid\" or \"Replace\", got '",
                 options.concurrency_policy, "'", base::did_you_mean(options.concurrency_policy, policies));
  check_no_template(options.timezone, where + "timezone");
  Json spec = {{"concurrencyPolicy", options.concurrency_policy},
               {"schedules", options.schedules},
               {"workflowMetadata", {{"labels", labels(deployment, "", nullptr)}}},
               {"workflowSpec", run_spec(deployment)}};
  if (!options.timezone.empty()) spec["timezone"] = options.timezone;
  return {{"apiVersion", "argoproj.io/v1alpha1"},
          {"kind", "CronWorkflow"},
          {"metadata", metadata(deployment, deployment.spec.name)},
          {"spec", spec}};
}

}  // namespace whorl::pipeline
