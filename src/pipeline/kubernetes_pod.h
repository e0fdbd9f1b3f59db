#pragma once
// The parts that a pod of a pipeline has whoever starts it, Argo or a Job: the container that runs one step,
// its volumes, its rights and its labels. Everything a step must know reaches it as files made of
// annotations: the kubelet expands "$(…)" in arguments and environment, never in these, and no text of a user
// is a command.
#include <string>

#include "base/json.h"
#include "pipeline/spec.h"
#include "whorl/pipeline_manifests.h"

namespace whorl::pipeline {

// A pipeline with what its manifests share. Borrowed members outlive it.
struct Deployment {
  const Spec& spec;
  const KubernetesOptions& options;
  std::string operation;  // "to_argo"
  std::string where;      // "[to_argo] pipeline 'nightly'"
  std::string plan;       // canonical JSON, one line, no "{{"
  std::string digest;
};
// Checks what all manifests share: names, labels, images, the size of the plan.
Deployment deploy(const Spec& spec, const KubernetesOptions& options, const std::string& operation);

std::string at_step(const Deployment& deployment, const Step& step, const char* field);

// Annotations that become files, and where the files lie.
inline constexpr const char* kPlanAnnotation = "whorl/pipeline-json";
inline constexpr const char* kParametersAnnotation = "whorl/parameters-json";
inline constexpr const char* kItemAnnotation = "whorl/item";
inline constexpr const char* kPlanFolder = "/whorl/plan";
inline constexpr const char* kStateFolder = "/whorl/state";
inline constexpr const char* kOutputFolder = "/whorl/outputs";

struct PodJob {
  std::string verb = "step";              // or "gather": applies the failure policy to the items' results
  std::string run_id = {};                // text, or a variable of Argo's
  std::string run_state = {};             // exit steps: how the run went
  bool has_item = false;                  // reads the item's file
  std::vector<std::string> outputs = {};  // to be written to the output folder, as JSON
};
base::Json container(const Deployment& deployment, const Step& step, const PodJob& job);
base::Json volumes(const Deployment& deployment, const Step& step, const PodJob& job);
base::Json pod_security(const KubernetesOptions& options);
// nodeSelector, tolerations: set where the step has any.
void place(base::Json& pod, const Step& step);
base::Json labels(const Deployment& deployment, const std::string& run_id, const Step* step);
// Beyond the step's own timer, which tells a timeout from other ends: only for a pod whose timer hangs.
int64_t deadline_seconds(const Step& step);

// The files of the object with its kind's metadata; empty namespaces are left out.
base::Json metadata(const Deployment& deployment, const std::string& name);
Manifest finish(const base::Json& object, const std::string& path);

}  // namespace whorl::pipeline
