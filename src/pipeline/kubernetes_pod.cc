#include "pipeline/kubernetes_pod.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "pipeline/kubernetes_names.h"
#include "pipeline/yaml_write.h"

namespace whorl::pipeline {

using base::check_argument;
using base::Json;

namespace {

constexpr size_t kMostPlanBytes = 192 * 1024;  // all annotations of a pod together: 256 KiB
constexpr int64_t kGraceSeconds = 60;

// One line, and every '{' of a text written "\u007b", so that Argo finds no "{{" to replace.
std::string inert(const Json& json) {
  const std::string text = json.dump();
  std::string out;
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (inside && text[i] == '\\') {
      out += text[i];
      out += text[++i];
      continue;
    }
    if (text[i] == '"') inside = !inside;
    if (inside && text[i] == '{')
      out += "\\u007b";
    else
      out += text[i];
  }
  return out;
}

Json environment(const KubernetesOptions&) {
  // Caches of libraries go where a pod may write.
  return Json::array(
      {{{"name", "HOME"}, {"value", "/tmp"}}, {{"name", "PYTHONDONTWRITEBYTECODE"}, {"value", "1"}}});
}

Json resources(const Deployment& deployment, const Step& step) {
  const PipelineResources& wanted = step.resources;
  Json list = Json::object();
  if (wanted.cpus > 0) list["cpu"] = cpu_quantity(wanted.cpus, at_step(deployment, step, "resources.cpus"));
  if (wanted.memory_bytes > 0) list["memory"] = byte_quantity(wanted.memory_bytes);
  if (wanted.gpus > 0) list["nvidia.com/gpu"] = std::to_string(wanted.gpus);
  if (list.empty()) return list;
  return {{"limits", list}, {"requests", list}};
}

Json mount(const std::string& name, const std::string& path, bool read_only) {
  Json made = {{"mountPath", path}, {"name", name}};
  if (read_only) made["readOnly"] = true;
  return made;
}

Json own_volume(const PipelineVolume& volume) {
  Json made = {{"name", volume.name}};
  if (!volume.claim.empty()) {
    made["persistentVolumeClaim"] = {{"claimName", volume.claim}};
    if (volume.read_only) made["persistentVolumeClaim"]["readOnly"] = true;
  } else if (!volume.secret.empty()) {
    made["secret"] = {{"secretName", volume.secret}};
  } else if (!volume.config_map.empty()) {
    made["configMap"] = {{"name", volume.config_map}};
  } else {
    made["emptyDir"] = Json::object();
    if (volume.size_bytes > 0) made["emptyDir"]["sizeLimit"] = byte_quantity(volume.size_bytes);
  }
  return made;
}

void check_volumes(const Deployment& deployment, const Step& step) {
  std::vector<std::string> names, paths;
  for (const PipelineVolume& volume : step.resources.volumes) {
    const std::string where = at_step(deployment, step, "resources.volumes");
    check_object_name(volume.name, 63, where);
    check_argument(volume.name.rfind("whorl-", 0) != 0, where, ": names that begin with 'whorl-' are taken");
    check_mount_path(volume.mount_path, where);
    const bool twice = std::count(names.begin(), names.end(), volume.name) > 0 ||
                       std::count(paths.begin(), paths.end(), volume.mount_path) > 0;
    check_argument(!twice, where, ": '", volume.name, "' at '", volume.mount_path, "' stands there twice");
    const int kinds = !volume.claim.empty() + !volume.secret.empty() + !volume.config_map.empty();
    check_argument(kinds <= 1, where, ": '", volume.name, "' is claim, secret or config_map, not several");
    for (const std::string& source : {volume.claim, volume.secret, volume.config_map})
      if (!source.empty()) check_object_name(source, 253, where);
    names.push_back(volume.name);
    paths.push_back(volume.mount_path);
  }
}

// Pods import what they call; a function that only this process knows cannot be sent.
void check_function(const Deployment& deployment, const Step& step) {
  if (step.kind != "python") return;
  const auto found = step.with.find("function");
  const std::string* name = found == step.with.end() ? nullptr : found->second.text();
  const auto word = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
             c == '.';
    });
  };
  const size_t colon = name == nullptr ? std::string::npos : name->find(':');
  const bool importable = colon != std::string::npos && word(std::string_view(*name).substr(0, colon)) &&
                          word(std::string_view(*name).substr(colon + 1));
  check_argument(importable, at_step(deployment, step, "with.function"), ": '",
                 base::printable(name == nullptr ? "" : *name, 80),
                 "' lives in this process only; a pod can call a function of an installed module, written "
                 "'module:function'");
}

void check_step(const Deployment& deployment, const Step& step) {
  check_function(deployment, step);
  check_object_name(step.name, 63, deployment.where + ": step '" + step.name + "'");
  const std::string& own = step.resources.image;
  check_image(own.empty() ? deployment.options.image : own, deployment.options.allow_tags,
              at_step(deployment, step, "resources.image"));
  for (const auto& [key, value] : step.resources.node_selector)
    check_label(key, value, at_step(deployment, step, "resources.node_selector"));
  for (const PipelineToleration& toleration : step.resources.tolerations) {
    const std::string where = at_step(deployment, step, "resources.tolerations");
    check_argument(toleration.op == "Equal" || toleration.op == "Exists", where,
                   ": expected op \"Equal\" or \"Exists\", got '", toleration.op, "'");
    check_argument(toleration.op == "Equal" || toleration.value.empty(), where, ": 'Exists' takes no value");
    for (const std::string& text : {toleration.key, toleration.value, toleration.effect})
      check_no_template(text, where);
  }
  check_volumes(deployment, step);
}

void check_options(const KubernetesOptions& options, const std::string& where) {
  const auto named = [&](const char* field) { return where + ": options." + field; };
  if (!options.namespace_name.empty()) check_object_name(options.namespace_name, 63, named("namespace_name"));
  check_object_name(options.service_account, 63, named("service_account"));
  check_object_name(options.claim, 63, named("claim"));
  for (const std::string& name : options.image_pull_secrets)
    check_object_name(name, 253, named("image_pull_secrets"));
  for (const std::string& name : options.secrets) check_object_name(name, 253, named("secrets"));
  for (const auto& [key, value] : options.labels) {
    check_label(key, value, named("labels"));
    check_argument(key.rfind("whorl/", 0) != 0, named("labels"), ": keys that begin with 'whorl/' are taken");
  }
  check_argument(options.run_as > 0, named("run_as"), ": pods never run as root, got ", options.run_as);
  if (!options.run_id.empty()) check_object_name(options.run_id, 63, named("run_id"));
}

}  // namespace

std::string at_step(const Deployment& deployment, const Step& step, const char* field) {
  return deployment.where + ": step '" + step.name + "': " + field;
}

Deployment deploy(const Spec& spec, const KubernetesOptions& options, const std::string& operation) {
  const std::string where = "[" + operation + "] pipeline '" + spec.name + "'";
  check_object_name(spec.name, 52, where);
  check_options(options, where);
  const std::string canonical = canonical_json(spec);
  Deployment made{spec, options, operation, where, inert(base::parse_json(canonical, where)), digest(spec)};
  check_argument(made.plan.size() <= kMostPlanBytes, where, ": its plan has ", made.plan.size(),
                 " bytes; a pod can be told ", kMostPlanBytes,
                 ". Keep data in files and name them in the plan");
  for (const Step& step : spec.steps) check_step(made, step);
  return made;
}

Json container(const Deployment& deployment, const Step& step, const PodJob& job) {
  Json arguments = Json::array({"--plan", std::string(kPlanFolder) + "/plan.json", "--parameters",
                                std::string(kPlanFolder) + "/parameters.json", "--step", step.name,
                                "--run-id", job.run_id, "--state", kStateFolder, "--outputs", kOutputFolder});
  if (!job.run_state.empty()) arguments.insert(arguments.end(), {"--run-state", job.run_state});
  if (job.has_item) arguments.insert(arguments.end(), {"--item", std::string(kPlanFolder) + "/item"});
  for (const std::string& output : job.outputs) arguments.insert(arguments.end(), {"--output", output});

  Json mounts =
      Json::array({mount("whorl-plan", kPlanFolder, true), mount("whorl-state", kStateFolder, false),
                   mount("whorl-outputs", kOutputFolder, false), mount("whorl-tmp", "/tmp", false)});
  const bool works = job.verb == "step";
  if (works)
    for (const PipelineVolume& volume : step.resources.volumes)
      mounts.push_back(mount(volume.name, volume.mount_path, volume.read_only));
  const std::string& own = step.resources.image;
  Json made = {{"args", arguments},
               {"command", Json::array({"whorl", "pipeline", job.verb})},
               {"env", environment(deployment.options)},
               {"image", own.empty() ? deployment.options.image : own},
               {"securityContext",
                {{"allowPrivilegeEscalation", false},
                 {"capabilities", {{"drop", Json::array({"ALL"})}}},
                 {"readOnlyRootFilesystem", true}}},
               {"volumeMounts", mounts},
               {"workingDir", kStateFolder}};
  for (const std::string& secret : deployment.options.secrets)
    made["envFrom"].push_back({{"secretRef", {{"name", secret}}}});
  const Json wanted = works ? resources(deployment, step) : Json::object();
  if (!wanted.empty()) made["resources"] = wanted;
  return made;
}

Json volumes(const Deployment& deployment, const Step& step, const PodJob& job) {
  const auto file = [](const char* annotation, const char* path) {
    return Json{{"fieldRef", {{"fieldPath", std::string("metadata.annotations['") + annotation + "']"}}},
                {"path", path}};
  };
  Json files =
      Json::array({file(kPlanAnnotation, "plan.json"), file(kParametersAnnotation, "parameters.json")});
  if (job.has_item) files.push_back(file(kItemAnnotation, "item"));
  Json made = Json::array(
      {{{"downwardAPI", {{"items", files}}}, {"name", "whorl-plan"}},
       {{"name", "whorl-state"}, {"persistentVolumeClaim", {{"claimName", deployment.options.claim}}}},
       {{"emptyDir", Json::object()}, {"name", "whorl-outputs"}},
       {{"emptyDir", Json::object()}, {"name", "whorl-tmp"}}});
  if (job.verb == "step")
    for (const PipelineVolume& volume : step.resources.volumes) made.push_back(own_volume(volume));
  return made;
}

Json pod_security(const KubernetesOptions& options) {
  return {{"fsGroup", options.run_as},
          {"runAsGroup", options.run_as},
          {"runAsNonRoot", true},
          {"runAsUser", options.run_as},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

void place(Json& pod, const Step& step) {
  for (const auto& [key, value] : step.resources.node_selector) pod["nodeSelector"][key] = value;
  for (const PipelineToleration& toleration : step.resources.tolerations) {
    Json made = {{"operator", toleration.op}};
    if (!toleration.key.empty()) made["key"] = toleration.key;
    if (!toleration.value.empty()) made["value"] = toleration.value;
    if (!toleration.effect.empty()) made["effect"] = toleration.effect;
    if (toleration.seconds >= 0) made["tolerationSeconds"] = toleration.seconds;
    pod["tolerations"].push_back(made);
  }
}

Json labels(const Deployment& deployment, const std::string& run_id, const Step* step) {
  Json made = Json::object();
  for (const auto& [key, value] : deployment.options.labels) made[key] = value;
  made["whorl/pipeline"] = deployment.spec.name;
  made["whorl/plan"] = short_digest(deployment.digest);
  if (!run_id.empty()) made["whorl/run-id"] = run_id;
  if (step != nullptr) made["whorl/step"] = step->name;
  return made;
}

int64_t deadline_seconds(const Step& step) {
  return step.timeout_seconds > 0 ? whole_seconds(step.timeout_seconds) + kGraceSeconds : 0;
}

Json metadata(const Deployment& deployment, const std::string& name) {
  Json made = {{"labels", labels(deployment, "", nullptr)}, {"name", name}};
  if (!deployment.options.namespace_name.empty()) made["namespace"] = deployment.options.namespace_name;
  return made;
}

Manifest finish(const Json& object, const std::string& path) {
  return {path, object["kind"], object["metadata"]["name"], base::to_sorted_json(object), to_yaml(object)};
}

}  // namespace whorl::pipeline
