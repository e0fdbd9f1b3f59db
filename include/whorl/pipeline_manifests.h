#pragma once
// A pipeline as objects of a cluster: Argo Workflows, a plain Job, and a tree for GitOps. Nothing here speaks
// to a cluster; the same pipeline and options give the same bytes.
//
// What a pod does is `whorl pipeline step`, with the plan, the parameters and the item as data in files: no
// text of a pipeline ever becomes part of a command. Retries, conditions and failure policies are the local
// run's: the exit status of a step says whose fault it was (see PipelineRetry), and each step repeated by
// `foreach` is followed by a task that reads all results and applies the failure policy.
#include <whorl/pipeline.h>
#include <whorl/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace whorl {

// One object, ready to be sent (`json`) or kept in Git (`yaml`: every string quoted, keys sorted).
struct Manifest {
  std::string path;  // where it belongs in a tree: "base/workflow-template.yaml"
  std::string kind, name;
  std::string json, yaml;
};

// What all pods of a pipeline share.
struct KubernetesOptions {
  // By digest, "registry/whorl@sha256:…", so that a run can be repeated. Needed unless every step names its
  // own.
  std::string image = {};
  bool allow_tags = false;          // true: images by tag too; what runs may then change under the same plan
  std::string namespace_name = {};  // "" = that of whoever applies it
  std::string service_account = "whorl";
  // An existing PersistentVolumeClaim that several pods can write (ReadWriteMany): runs, results and cache.
  // Artifacts are passed through it by key.
  std::string claim = "whorl";
  std::vector<std::string> image_pull_secrets = {};
  std::vector<std::string> secrets = {};  // names of Secrets whose entries become environment variables
  std::map<std::string, std::string> labels =
      {};                       // besides whorl/pipeline, whorl/plan, whorl/step, whorl/run-id
  int64_t run_as = 1000;        // user and group of the pods; never root
  std::string run_id = {};      // names the run, and its workflow or job; "" = made from plan and parameters
  std::string parameters = {};  // a JSON object: the run's parameters; the rest by default
};

struct ArgoOptions : KubernetesOptions {
  // "major.minor" of the server. From 4.1 on a step may give up waiting for a node
  // (`pending_timeout_seconds`).
  std::string argo_version = "4.0";
  int64_t pending_timeout_seconds =
      0;                    // steps with a GPU: give up when no node is free for so long; 0 = wait
  int64_t parallelism = 0;  // pods of one run at once; 0 = as many as the cluster takes
  std::vector<std::string> mutexes = {};  // runs that share one wait for each other
  // "config-map/key" of a semaphore that every step with a GPU takes: waits for quota instead of failing.
  std::string gpu_semaphore = {};
  int64_t keep_seconds = 0;  // finished runs are removed after so long; 0 = never
  // Cron expressions; any makes a CronWorkflow.
  std::vector<std::string> schedules = {};
  std::string timezone = {};                  // "" = the controller's
  std::string concurrency_policy = "Forbid";  // "Allow", "Forbid" or "Replace"
};

// One environment of a GitOps tree.
struct PipelineOverlay {
  std::string name;             // the folder: "prod"
  std::string namespace_name;   // where everything goes
  std::string parameters = {};  // a JSON object: defaults that differ here
};

struct GitOpsOptions : ArgoOptions {
  std::vector<PipelineOverlay> overlays = {};  // none: one, "default", in `namespace_name`
  uint64_t claim_bytes = 0;                    // > 0: the tree holds the claim too
  std::string storage_class = {};              // of the claim; "" = the cluster's default
  // Where the tree will live; any makes one Argo CD Application for each overlay.
  std::string repository = {}, revision = "HEAD", repository_path = {};
  std::string argo_cd_namespace = "argocd";
};

// A WorkflowTemplate that holds everything, a Workflow that names it with the run's arguments, and with
// schedules a CronWorkflow. Throws std::invalid_argument naming step and field for what a cluster would
// refuse or would take to mean something else: images by tag, limits of size and number, "{{" in texts,
// conditions on what a cluster cannot see.
WHORL_API std::vector<Manifest> to_argo(const Pipeline& pipeline, const ArgoOptions& options = {});

// A batch/v1 Job that runs one step, whose needs must have run under the same `run_id` and claim. `item` is
// the index of a foreach step's item, -1 for other steps. The Job's own back-off is ten seconds doubled at
// every attempt up to six minutes: the cluster has no field for another.
WHORL_API Manifest to_kubernetes(const Pipeline& pipeline, const std::string& step,
                                 const KubernetesOptions& options = {}, int64_t item = -1);

// A kustomize base with overlays, service account and role, and Argo CD Applications. Manifests without
// `json` are files for kustomize.
WHORL_API std::vector<Manifest> to_gitops(const Pipeline& pipeline, const GitOpsOptions& options = {});
// Writes `yaml` of each to its `path` beneath `folder`, each file whole or not at all. Other files stay.
WHORL_API void write_manifests(const std::vector<Manifest>& manifests, const std::filesystem::path& folder);

// ---- inside a pod --------------------------------------------------------------------------------------

// What a pod of such a manifest has been told, by `whorl pipeline step` and `whorl pipeline gather`.
struct PodStep {
  std::string step, run_id;
  std::string item = {};                         // of a foreach step: its item as text
  std::string run_state = {};                    // exit steps: Argo's word or the local run's
  std::string parameters = {};                   // a JSON object, or Argo's list of {"name", "value"}
  std::filesystem::path state = "/whorl/state";  // the claim: runs, results and cache of all pods
  std::filesystem::path output_folder = {};      // "" = none
  std::vector<std::string> outputs = {};         // to be written there, one file each, as JSON
};

struct PodResult {
  int exit_status = 0;  // see pod_exit_status()
  std::string state, fault, message;
  bool cached = false;
};

// One attempt of one step whose needs have run under the same run_id. Everything is on the claim when it
// returns: a pod that dies afterwards has done its work. Throws std::invalid_argument for a step, parameter
// or item that is not the pipeline's.
WHORL_API PodResult run_pod_step(const Pipeline& pipeline, const PodStep& pod);
// After the items of a foreach step: reads all their results and applies the failure policy.
WHORL_API PodResult gather_pod_step(const Pipeline& pipeline, const PodStep& pod);

// The contract between a pod and what started it: 0 succeeded; 1 the code's fault; 85 the cluster's, try
// again; 86 a gate rejected; 124 out of time; 143 stopped. 129, 137, 143 (signals) and no status at all are
// the cluster's fault too. `fault` is PipelineStepResult's.
WHORL_API int pod_exit_status(const std::string& fault);

}  // namespace whorl
