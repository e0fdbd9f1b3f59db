#include "pipeline/kustomize_tree.h"

#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "pipeline/argo_limits.h"
#include "pipeline/argo_run.h"
#include "pipeline/argo_template.h"
#include "pipeline/kubernetes_names.h"
#include "pipeline/yaml_write.h"

namespace whorl::pipeline {

using base::check_argument;
using base::Json;

namespace {

// Argo CD applies in this order, and never prunes what a run may still be using.
Json in_wave(Json object, const char* wave, bool keep = false) {
  Json& annotations = object["metadata"]["annotations"];
  annotations["argocd.argoproj.io/sync-wave"] = wave;
  if (keep) annotations["argocd.argoproj.io/sync-options"] = "Prune=false";
  return object;
}

Json plain(const Deployment& deployment, const char* version, const char* kind, const std::string& name) {
  return {{"apiVersion", version},
          {"kind", kind},
          {"metadata", {{"labels", labels(deployment, "", nullptr)}, {"name", name}}}};
}

Json role(const Deployment& deployment) {
  Json made = plain(deployment, "rbac.authorization.k8s.io/v1", "Role", deployment.options.service_account);
  made["rules"] = Json::array({{{"apiGroups", Json::array({"argoproj.io"})},
                                {"resources", Json::array({"workflowtaskresults"})},
                                {"verbs", Json::array({"create", "patch"})}}});
  return made;
}

Json role_binding(const Deployment& deployment) {
  const std::string& account = deployment.options.service_account;
  Json made = plain(deployment, "rbac.authorization.k8s.io/v1", "RoleBinding", account);
  made["roleRef"] = {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", account}};
  made["subjects"] = Json::array({{{"kind", "ServiceAccount"}, {"name", account}}});
  return made;
}

Json claim(const Deployment& deployment, const GitOpsOptions& options) {
  Json made = plain(deployment, "v1", "PersistentVolumeClaim", options.claim);
  made["spec"] = {{"accessModes", Json::array({"ReadWriteMany"})},
                  {"resources", {{"requests", {{"storage", byte_quantity(options.claim_bytes)}}}}}};
  if (!options.storage_class.empty()) made["spec"]["storageClassName"] = options.storage_class;
  return made;
}

Manifest kustomization(const std::string& folder, Json content) {
  content["apiVersion"] = "kustomize.config.k8s.io/v1beta1";
  content["kind"] = "Kustomization";
  return {folder + "/kustomization.yaml", "Kustomization", folder, "", to_yaml(content)};
}

// As bind_parameters checks them, but what has no default may stay without one.
void check_overlay_values(const Deployment& deployment, const Object& given) {
  Spec partial;
  partial.name = deployment.spec.name;
  for (const Parameter& parameter : deployment.spec.parameters)
    if (parameter.fallback || given.count(parameter.name)) partial.parameters.push_back(parameter);
  bind_parameters(partial, given, deployment.operation);
}

// Defaults that differ, as patches by position: the template's list is sorted by name.
Json parameter_patches(const Deployment& deployment, const PipelineOverlay& overlay) {
  Json made = Json::array();
  if (overlay.parameters.empty()) return made;
  const std::string where = deployment.where + ": overlay '" + overlay.name + "': parameters";
  const Value given = parse_value(overlay.parameters, where);
  check_argument(given.object() != nullptr, where, ": expected an object, got ", kind_of(given));
  const Object& all = *given.object();
  check_overlay_values(deployment, all);
  Json operations = Json::array();
  for (size_t i = 0; i < deployment.spec.parameters.size(); ++i) {
    const auto found = all.find(deployment.spec.parameters[i].name);
    if (found == all.end()) continue;
    const std::string text = parameter_text(deployment, deployment.spec.parameters[i], found->second);
    operations.push_back({{"op", "add"},
                          {"path", "/spec/arguments/parameters/" + std::to_string(i) + "/value"},
                          {"value", text}});
  }
  if (operations.empty()) return made;
  made.push_back({{"patch", to_yaml(operations)},
                  {"target", {{"kind", "WorkflowTemplate"}, {"name", deployment.spec.name}}}});
  return made;
}

Manifest overlay_file(const Deployment& deployment, const PipelineOverlay& overlay) {
  Json content = {{"resources", Json::array({"../../base"})}};
  if (!overlay.namespace_name.empty()) content["namespace"] = overlay.namespace_name;
  const Json patches = parameter_patches(deployment, overlay);
  if (!patches.empty()) content["patches"] = patches;
  return kustomization("overlays/" + overlay.name, content);
}

void check_overlays(const Deployment& deployment, const std::vector<PipelineOverlay>& overlays) {
  std::set<std::string> names;
  for (const PipelineOverlay& overlay : overlays) {
    const std::string where = deployment.where + ": overlay '" + overlay.name + "'";
    check_object_name(overlay.name, 52, where);
    check_argument(names.insert(overlay.name).second, where, " stands there twice");
    if (!overlay.namespace_name.empty())
      check_object_name(overlay.namespace_name, 63, where + ": namespace_name");
  }
}

}  // namespace

std::vector<PipelineOverlay> overlays_of(const GitOpsOptions& options) {
  if (!options.overlays.empty()) return options.overlays;
  return {{.name = "default", .namespace_name = options.namespace_name}};
}

std::vector<Manifest> kustomize_tree(const Deployment& deployment, const GitOpsOptions& options) {
  check_overlays(deployment, overlays_of(options));
  std::vector<Manifest> made;
  const auto add = [&](const Json& object, const std::string& file) {
    made.push_back(finish(object, "base/" + file + ".yaml"));
  };
  add(in_wave(plain(deployment, "v1", "ServiceAccount", options.service_account), "0"), "service-account");
  add(in_wave(role(deployment), "0"), "role");
  add(in_wave(role_binding(deployment), "0"), "role-binding");
  if (options.claim_bytes > 0) add(in_wave(claim(deployment, options), "0", true), "claim");
  Json bodies = workflow_template(deployment, options);
  check_limits(bodies, deployment.where);
  add(in_wave(bodies, "1", true), "workflow-template");
  if (!options.schedules.empty()) {
    const Json cron = cron_workflow(deployment, options);
    check_limits(cron, deployment.where);
    add(in_wave(cron, "2"), "cron-workflow");
  }
  Json files = Json::array();
  for (const Manifest& manifest : made) files.push_back(manifest.path.substr(5));
  made.push_back(kustomization("base", {{"resources", files}}));
  for (const PipelineOverlay& overlay : overlays_of(options))
    made.push_back(overlay_file(deployment, overlay));
  return made;
}

}  // namespace whorl::pipeline
