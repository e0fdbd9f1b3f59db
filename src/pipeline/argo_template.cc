#include "pipeline/argo_template.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "pipeline/argo_expression.h"
#include "pipeline/argo_run.h"
#include "pipeline/kinds.h"
#include "pipeline/kubernetes_names.h"
#include "pipeline/walk.h"

namespace whorl::pipeline {

using base::check_argument;
using base::Json;

namespace {

constexpr const char* kMain = "whorl-main";
constexpr const char* kExit = "whorl-exit";
constexpr const char* kRun = "{{workflow.name}}";
constexpr int64_t kGatherRetries = 5;

std::string items_parameter(const Step& step) { return "items-" + step.name; }

bool at_least(const std::string& version, int major, int minor) {
  int have_major = 0, have_minor = 0;
  if (std::sscanf(version.c_str(), "%d.%d", &have_major, &have_minor) != 2) return false;
  return have_major > major || (have_major == major && have_minor >= minor);
}

Json output_parameters(const std::vector<std::string>& names) {
  Json made = Json::array();
  for (const std::string& name : names)
    made.push_back({{"name", name},
                    {"valueFrom", {{"default", "null"}, {"path", std::string(kOutputFolder) + "/" + name}}}});
  return made;
}

std::vector<std::string> observed_of(const Deployment& deployment, const Step& step) {
  std::vector<std::string> names;
  for (const auto& [owner, output] : observed_outputs(deployment.spec))
    if (owner == step.name) names.push_back(output);
  return names;
}

// What all leaf templates share. No text of the pipeline but checked names stands outside of annotations.
Json leaf(const Deployment& deployment, const Step& step, const std::string& name, const PodJob& job) {
  Json made = {{"container", container(deployment, step, job)},
               {"metadata",
                {{"annotations", {{kParametersAnnotation, "{{workflow.parameters.json}}"}}},
                 {"labels", {{"whorl/run-id", kRun}, {"whorl/step", step.name}}}}},
               {"name", name},
               {"volumes", volumes(deployment, step, job)}};
  if (job.has_item) {
    made["inputs"]["parameters"] = Json::array({{{"name", "item"}}});
    made["metadata"]["annotations"][kItemAnnotation] = "{{inputs.parameters.item}}";
  }
  if (!job.outputs.empty()) made["outputs"]["parameters"] = output_parameters(job.outputs);
  return made;
}

// The files and arguments of exit steps tell how the run went, which Argo knows only there.
PodJob job_of(const Deployment& deployment, const Step& step, const char* verb) {
  const bool exit = deployment.spec.is_exit(step.name);
  return {.verb = verb,
          .run_id = kRun,
          .run_state = exit ? "{{workflow.status}}" : "",
          .has_item = step.repeats() && std::string(verb) == "step",
          .outputs = {}};
}

// Quantities that a parameter gives. Argo knows them when it makes the pod; what is no number ends there, so
// no text that somebody submits can become another part of the pod.
std::string pod_spec_patch(const Deployment& deployment, const Step& step) {
  Json list = Json::object();
  for (const auto& [field, name] : step.resources.parameters) {
    const bool whole = deployment.spec.parameter(name)->type == "int";
    const std::string key = field == "cpus" ? "cpu" : field == "gpus" ? "nvidia.com/gpu" : "memory";
    list[key] =
        std::string("{{=") + (whole ? "asInt" : "asFloat") + "(workflow.parameters['" + name + "'])}}";
  }
  const Json main = {{"name", "main"}, {"resources", {{"limits", list}, {"requests", list}}}};
  return Json{{"containers", Json::array({main})}}.dump();
}

Json step_template(const Deployment& deployment, const ArgoOptions& options, const Step& step) {
  PodJob job = job_of(deployment, step, "step");
  if (!step.repeats()) job.outputs = observed_of(deployment, step);
  Json made = leaf(deployment, step, step.repeats() ? items_task(step) : step.name, job);
  made["retryStrategy"] = retry_strategy(deployment, step);
  if (step.timeout_seconds > 0) made["activeDeadlineSeconds"] = std::to_string(deadline_seconds(step));
  place(made, step);
  if (!step.resources.parameters.empty()) made["podSpecPatch"] = pod_spec_patch(deployment, step);
  if (step.resources.gpus > 0 || step.resources.parameters.contains("gpus")) {
    if (!options.gpu_semaphore.empty()) {
      const size_t slash = options.gpu_semaphore.find('/');
      made["synchronization"]["semaphores"] =
          Json::array({{{"configMapKeyRef",
                         {{"key", options.gpu_semaphore.substr(slash + 1)},
                          {"name", options.gpu_semaphore.substr(0, slash)}}}}});
    }
    if (options.pending_timeout_seconds > 0 && at_least(options.argo_version, 4, 1))
      made["pendingTimeout"] = std::to_string(options.pending_timeout_seconds) + "s";
  }
  return made;
}

Json gather_template(const Deployment& deployment, const Step& step) {
  PodJob job = job_of(deployment, step, "gather");
  job.outputs = observed_of(deployment, step);
  Json made = leaf(deployment, step, step.name, job);
  Step patient = step;  // its own faults are the cluster's only; the policy's verdict is final
  patient.retry = PipelineRetry{.limit = kGatherRetries};
  made["retryStrategy"] = retry_strategy(deployment, patient);
  return made;
}

// The exit handler starts after everything, however it ended: its steps wait for each other only.
std::string depends_on(const Spec& spec, const Step& step) {
  std::string text;
  for (const size_t need : awaited(spec, step))
    text += (text.empty() ? "" : " && ") + spec.steps[need].name + ".Succeeded";
  return text;
}

Json step_task(const Deployment& deployment, const Step& step) {
  const bool fans_out = step.repeats();
  const std::string name = fans_out ? items_task(step) : step.name;
  Json made = {{"name", name}, {"template", name}};
  const std::string depends = depends_on(deployment.spec, step);
  if (!depends.empty()) made["depends"] = depends;
  const std::string when = when_expression(deployment, step);
  if (!when.empty()) made["when"] = when;
  if (fans_out) {
    made["arguments"]["parameters"] = Json::array({{{"name", "item"}, {"value", "{{item}}"}}});
    made["withParam"] = step.foreach.form == Foreach::Form::parameter
                            ? "{{workflow.parameters." + step.foreach.parameter + "}}"
                            : "{{inputs.parameters." + items_parameter(step) + "}}";
  }
  return made;
}

// After all items, unless every one was skipped: then nothing is gathered and nothing that needs it runs.
// A foreach over nothing is Argo's "Skipped", and succeeds.
Json gather_task(const Step& step) {
  const std::string items = items_task(step);
  return {{"depends",
           items + ".AnySucceeded || " + items + ".Failed || " + items + ".Errored || " + items + ".Skipped"},
          {"name", step.name},
          {"template", step.name}};
}

Json dag_template(const Deployment& deployment, bool exit) {
  const Spec& spec = deployment.spec;
  Json tasks = Json::array(), inputs = Json::array();
  for (const size_t index : order_of(spec)) {
    const Step& step = spec.steps[index];
    if (spec.is_exit(step.name) != exit) continue;
    tasks.push_back(step_task(deployment, step));
    if (!step.repeats()) continue;
    tasks.push_back(gather_task(step));
    if (step.foreach.form == Foreach::Form::parameter) continue;
    const std::string items = compact(items_of(step, {}));
    check_no_template(items, at_step(deployment, step, "foreach"));
    inputs.push_back({{"name", items_parameter(step)}, {"value", items}});
  }
  check_argument(!tasks.empty(), deployment.where, ": only exit steps; Argo needs one step besides");
  Json made = {{"dag", {{"failFast", false}, {"tasks", tasks}}}, {"name", exit ? kExit : kMain}};
  if (!inputs.empty()) made["inputs"]["parameters"] = inputs;
  return made;
}

Json parameters(const Deployment& deployment) {
  Json made = Json::array();
  for (const Parameter& parameter : deployment.spec.parameters) {
    Json entry = {{"name", parameter.name}};
    if (!parameter.description.empty()) {
      check_no_template(parameter.description,
                        deployment.where + ": parameter '" + parameter.name + "': description");
      entry["description"] = parameter.description;
    }
    for (const Value& choice : parameter.choices)
      entry["enum"].push_back(parameter_text(deployment, parameter, choice));
    if (parameter.fallback) entry["value"] = parameter_text(deployment, parameter, *parameter.fallback);
    made.push_back(entry);
  }
  return made;
}

void check_tasks(const Deployment& deployment) {
  for (const Step& step : deployment.spec.steps) {
    check_argument(step.name != kMain && step.name != kExit, at_step(deployment, step, "name"), " is taken");
    if (!step.repeats()) continue;
    check_argument(deployment.spec.find(items_task(step)) == nullptr, at_step(deployment, step, "foreach"),
                   ": its fan-out would be called '", items_task(step), "', and a step has that name");
  }
}

void check_options(const Deployment& deployment, const ArgoOptions& options) {
  const auto named = [&](const char* field) { return deployment.where + ": options." + field; };
  int major = 0, minor = 0;
  check_argument(std::sscanf(options.argo_version.c_str(), "%d.%d", &major, &minor) == 2 && major >= 3,
                 named("argo_version"), ": expected \"major.minor\" from 3.6 on, got '", options.argo_version,
                 "'");
  check_argument(at_least(options.argo_version, 3, 6), named("argo_version"),
                 ": plural locks and schedules need 3.6, got ", options.argo_version);
  check_argument(options.pending_timeout_seconds == 0 || at_least(options.argo_version, 4, 1),
                 named("pending_timeout_seconds"),
                 ": needs Argo 4.1; set argo_version if the server is that new");
  check_argument(
      options.parallelism >= 0 && options.keep_seconds >= 0 && options.pending_timeout_seconds >= 0,
      named("parallelism, keep_seconds, pending_timeout_seconds"), ": expected 0 or more");
  for (const std::string& mutex : options.mutexes) check_object_name(mutex, 63, named("mutexes"));
  if (options.gpu_semaphore.empty()) return;
  const size_t slash = options.gpu_semaphore.find('/');
  check_argument(slash != std::string::npos && slash > 0 && slash + 1 < options.gpu_semaphore.size(),
                 named("gpu_semaphore"), ": expected \"config-map/key\", got '", options.gpu_semaphore, "'");
  check_no_template(options.gpu_semaphore, named("gpu_semaphore"));
}

Json spec_of(const Deployment& deployment, const ArgoOptions& options) {
  Json templates = Json::array({dag_template(deployment, false)});
  for (const Step& step : deployment.spec.steps) {
    templates.push_back(step_template(deployment, options, step));
    if (step.repeats()) templates.push_back(gather_template(deployment, step));
  }
  Json spec = {
      {"entrypoint", kMain},
      {"podMetadata",
       {{"annotations", {{kPlanAnnotation, deployment.plan}}}, {"labels", labels(deployment, "", nullptr)}}},
      {"securityContext", pod_security(options)},
      {"serviceAccountName", options.service_account},
      {"workflowMetadata", {{"labels", labels(deployment, "", nullptr)}}}};
  if (!deployment.spec.on_exit.empty()) {
    spec["onExit"] = kExit;
    templates.push_back(dag_template(deployment, true));
  }
  spec["templates"] = templates;
  if (!deployment.spec.parameters.empty()) spec["arguments"]["parameters"] = parameters(deployment);
  for (const std::string& secret : options.image_pull_secrets)
    spec["imagePullSecrets"].push_back({{"name", secret}});
  for (const std::string& mutex : options.mutexes)
    spec["synchronization"]["mutexes"].push_back({{"name", mutex}});
  if (options.parallelism > 0) spec["parallelism"] = options.parallelism;
  if (options.keep_seconds > 0) spec["ttlStrategy"]["secondsAfterCompletion"] = options.keep_seconds;
  return spec;
}

}  // namespace

std::string items_task(const Step& step) { return step.name + "-items"; }

Json workflow_template(const Deployment& deployment, const ArgoOptions& options) {
  check_tasks(deployment);
  check_options(deployment, options);
  return {{"apiVersion", "argoproj.io/v1alpha1"},
          {"kind", "WorkflowTemplate"},
          {"metadata", metadata(deployment, deployment.spec.name)},
          {"spec", spec_of(deployment, options)}};
}

}  // namespace whorl::pipeline
