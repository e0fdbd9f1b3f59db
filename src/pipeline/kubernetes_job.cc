#include "pipeline/kubernetes_job.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "pipeline/argo_run.h"
#include "pipeline/kubernetes_names.h"
#include "pipeline/walk.h"

namespace whorl::pipeline {

using base::check_argument;
using base::Json;

namespace {

constexpr const char* kContainer = "main";

Json statuses_of(Fault fault) {
  Json made = Json::array();
  for (int status = 1; status <= 255; ++status)
    if (fault_of_exit(status) == fault) made.push_back(status);
  return made;
}

// The first rule that fits decides; "Count" counts against backoffLimit, "FailJob" ends it. A pod that a node
// took along (DisruptionTarget) has no exit status of its own worth reading.
Json failure_policy(const PipelineRetry& retry) {
  const auto exits = [](const char* action, const char* op, const Json& values) {
    return Json{{"action", action},
                {"onExitCodes", {{"containerName", kContainer}, {"operator", op}, {"values", values}}}};
  };
  const Json lost = {{"action", "Count"},
                     {"onPodConditions", Json::array({{{"status", "True"}, {"type", "DisruptionTarget"}}})}};
  Json rules = Json::array({lost});
  if (retry.policy == "any")
    rules.push_back(exits("FailJob", "In", statuses_of(Fault::rejected)));
  else
    rules.push_back(exits("FailJob", "NotIn", statuses_of(Fault::infrastructure)));
  return {{"rules", rules}};
}

std::string item_text(const Deployment& deployment, const Step& step, int64_t item) {
  const std::string where = deployment.where + ": step '" + step.name + "': item";
  const ParameterValues values =
      bind_parameters(deployment.spec, given_parameters(deployment), deployment.operation);
  const List items = items_of(step, values);
  check_argument(item >= 0 && item < static_cast<int64_t>(items.size()), where,
                 ": the step is repeated over ", items.size(), " items; expected the index of one, got ",
                 item);
  return plain_text(items[static_cast<size_t>(item)]);
}

Json pod_annotations(const Deployment& deployment, const Step& step, int64_t item) {
  Json made = {{kPlanAnnotation, deployment.plan},
               {kParametersAnnotation, compact(Value(given_parameters(deployment)))}};
  if (step.repeats()) made[kItemAnnotation] = item_text(deployment, step, item);
  return made;
}

Json pod(const Deployment& deployment, const Step& step, const PodJob& work) {
  Json main = container(deployment, step, work);
  main["name"] = kContainer;
  Json made = {{"automountServiceAccountToken", false},
               {"containers", Json::array({main})},
               {"restartPolicy", "Never"},
               {"securityContext", pod_security(deployment.options)},
               {"serviceAccountName", deployment.options.service_account},
               {"volumes", volumes(deployment, step, work)}};
  place(made, step);
  if (step.timeout_seconds > 0) made["activeDeadlineSeconds"] = deadline_seconds(step);
  for (const std::string& secret : deployment.options.image_pull_secrets)
    made["imagePullSecrets"].push_back({{"name", secret}});
  return made;
}

}  // namespace

Json job(const Deployment& deployment, const Step& planned, int64_t item) {
  Step step = planned;  // with what this run's parameters make of it
  if (!planned.resources.parameters.empty())
    step.resources = resources_of(
        planned, bind_parameters(deployment.spec, given_parameters(deployment), deployment.operation),
        deployment.operation);
  check_argument(step.repeats() || item == -1, deployment.where, ": step '", step.name,
                 "': item: the step has no foreach, got ", item);
  const std::string run = run_name(deployment);
  std::string name = base::concat(run, "-", step.name);
  if (item >= 0) name = base::concat(name, "-", item);
  check_object_name(name, 63, deployment.where + ": step '" + step.name + "': the job's name");
  const PodJob work{.run_id = run, .has_item = step.repeats()};
  const Json marks = labels(deployment, run, &step);
  Json object = {{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", metadata(deployment, name)}};
  object["metadata"]["labels"] = marks;
  object["spec"] = {
      {"backoffLimit", step.retry.policy == "never" ? 0 : step.retry.limit},
      {"podFailurePolicy", failure_policy(step.retry)},
      {"template",
       {{"metadata", {{"annotations", pod_annotations(deployment, step, item)}, {"labels", marks}}},
        {"spec", pod(deployment, step, work)}}}};
  return object;
}

}  // namespace whorl::pipeline
