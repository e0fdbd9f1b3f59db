#include <whorl/pipeline_manifests.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

namespace {

template <class T>
Fields<T> kubernetes_fields() {
  using K = KubernetesOptions;
  return {
      inherited<T>("image", &K::image, "by digest, \"registry/whorl@sha256:…\""),
      inherited<T>("allow_tags", &K::allow_tags, "images by tag too; what runs may then change"),
      inherited<T>("namespace", &K::namespace_name, "\"\" = that of whoever applies it"),
      inherited<T>("service_account", &K::service_account, "of all pods"),
      inherited<T>("claim", &K::claim, "a PersistentVolumeClaim that several pods can write"),
      inherited<T>("image_pull_secrets", &K::image_pull_secrets, "by name"),
      inherited<T>("secrets", &K::secrets, "Secrets whose entries become environment variables"),
      custom<T>(
          "labels", "dict[str, str]", "besides Whorl's own", [](const T& self) { return self.labels; },
          [](T& self, py::handle value) { self.labels = value.cast<std::map<std::string, std::string>>(); }),
      inherited<T>("run_as", &K::run_as, "user and group of the pods"),
      inherited<T>("run_id", &K::run_id, "\"\" = made from plan and parameters"),
      custom<T>(
          "parameters", "str | dict | None", "the run's, as dict or JSON",
          [](const T& self) -> std::string { return self.parameters; },
          [](T& self, py::handle value) { self.parameters = json_text(value); })};
}

template <class T>
Fields<T> argo_fields() {
  using A = ArgoOptions;
  Fields<T> all = kubernetes_fields<T>();
  const Fields<T> own = {
      inherited<T>("argo_version", &A::argo_version, "\"major.minor\" of the server"),
      inherited<T>("pending_timeout_seconds", &A::pending_timeout_seconds,
                   "steps with a GPU give up waiting for a node; needs Argo 4.1"),
      inherited<T>("parallelism", &A::parallelism, "pods of one run at once; 0 = any number"),
      inherited<T>("mutexes", &A::mutexes, "runs that share one wait for each other"),
      inherited<T>("gpu_semaphore", &A::gpu_semaphore, "\"config-map/key\" that steps with a GPU take"),
      inherited<T>("keep_seconds", &A::keep_seconds, "finished runs are removed after so long; 0 = never"),
      inherited<T>("schedules", &A::schedules, "cron expressions; any makes a CronWorkflow"),
      inherited<T>("timezone", &A::timezone, "of the schedules; \"\" = the controller's"),
      inherited<T>("concurrency_policy", &A::concurrency_policy, "\"Allow\", \"Forbid\" or \"Replace\"")};
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

}  // namespace

template <>
Fields<Manifest> fields_of<Manifest>() {
  return {field("path", &Manifest::path, "where it belongs in a tree"),
          field("kind", &Manifest::kind, "of the object"), field("name", &Manifest::name, "of the object"),
          field("json", &Manifest::json, "ready to be sent; \"\" for a file of kustomize's"),
          field("yaml", &Manifest::yaml, "ready for Git")};
}

template <>
Fields<KubernetesOptions> fields_of<KubernetesOptions>() {
  return kubernetes_fields<KubernetesOptions>();
}

template <>
Fields<ArgoOptions> fields_of<ArgoOptions>() {
  return argo_fields<ArgoOptions>();
}

template <>
Fields<PodStep> fields_of<PodStep>() {
  using P = PodStep;
  return {field("step", &P::step, "its name"),
          field("run_id", &P::run_id, "the run"),
          field("item", &P::item, "of a foreach step: its item as text"),
          field("run_state", &P::run_state, "exit steps: how the run went"),
          field("parameters", &P::parameters, "a JSON object, or Argo's list"),
          field("state", &P::state, "what all pods share"),
          field("output_folder", &P::output_folder, "\"\" = none"),
          field("outputs", &P::outputs, "to be written there")};
}

template <>
Fields<PodResult> fields_of<PodResult>() {
  using P = PodResult;
  return {field("exit_status", &P::exit_status, "0, 1, 85, 86, 124 or 143"),
          field("state", &P::state, "succeeded or failed"), field("fault", &P::fault, "whose it was"),
          field("message", &P::message, "why"), field("cached", &P::cached, "without running")};
}

template <>
Fields<PipelineOverlay> fields_of<PipelineOverlay>() {
  return {field("name", &PipelineOverlay::name, "the folder"),
          field("namespace", &PipelineOverlay::namespace_name, "where everything goes"),
          json_field("parameters", &PipelineOverlay::parameters, "defaults that differ here")};
}
template <>
inline constexpr bool kDictWillDo<PipelineOverlay> = true;

template <>
Fields<GitOpsOptions> fields_of<GitOpsOptions>() {
  using G = GitOpsOptions;
  Fields<G> all = argo_fields<G>();
  const Fields<G> own = {
      custom<G>(
          "overlays", "list[PipelineOverlay | dict]", "one environment each",
          [](const G& self) { return self.overlays; },
          [](G& self, py::handle value) {
            self.overlays.clear();
            for (const auto item : value)
              self.overlays.push_back(value_from<PipelineOverlay>("overlays", item));
          }),
      field("claim_bytes", &G::claim_bytes, "> 0: the tree holds the claim too"),
      field("storage_class", &G::storage_class, "of the claim"),
      field("repository", &G::repository, "where the tree will live; any makes Argo CD Applications"),
      field("revision", &G::revision, "branch, tag or commit that Argo CD follows"),
      field("repository_path", &G::repository_path, "of the tree in the repository"),
      field("argo_cd_namespace", &G::argo_cd_namespace, "where Argo CD looks for Applications")};
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

namespace {

template <class Work>
void bind_pod(py::module_& m, const char* name, Work work, const char* what) {
  m.def(
      name,
      [name, work](const Pipeline& pipeline, const py::kwargs& keywords) {
        const auto pod = options_from<PodStep>(name, py::none(), keywords);
        return compute([&] { return work(pipeline, pod); });
      },
      py::arg("pipeline"),
      (std::string(name) + "(pipeline: Pipeline, *, " + keywords_text<PodStep>() + ") -> PodResult\n\n" +
       what + "\n\nOptions:\n" + fields_text<PodStep>())
          .c_str());
}

void bind_calls(py::module_& m) {
  OwnSignatures own;
  bind_pod(m, "run_pod_step", &run_pod_step, "One attempt of one step, as a pod runs it.");
  bind_pod(m, "gather_pod_step", &gather_pod_step,
           "After a foreach step's items: applies its failure policy.");
  m.def(
      "to_argo",
      [](const Pipeline& pipeline, const py::object& options, const py::kwargs& keywords) {
        return to_argo(pipeline, options_from<ArgoOptions>("to_argo", options, keywords));
      },
      py::arg("pipeline"), py::kw_only(), py::arg("options") = py::none(),
      call_doc<ArgoOptions>(
          "to_argo(pipeline: Pipeline", "list[Manifest]",
          "A WorkflowTemplate, a Workflow that names it, and with schedules a CronWorkflow.")
          .c_str());
  m.def(
      "to_kubernetes",
      [](const Pipeline& pipeline, const std::string& step, int64_t item, const py::object& options,
         const py::kwargs& keywords) {
        return to_kubernetes(pipeline, step,
                             options_from<KubernetesOptions>("to_kubernetes", options, keywords), item);
      },
      py::arg("pipeline"), py::arg("step"), py::arg("item") = -1, py::kw_only(),
      py::arg("options") = py::none(),
      call_doc<KubernetesOptions>("to_kubernetes(pipeline: Pipeline, step: str, item: int = -1", "Manifest",
                                  "A batch/v1 Job that runs one step; `item` is the index of a foreach item.")
          .c_str());
  m.def(
      "to_gitops",
      [](const Pipeline& pipeline, const py::object& options, const py::kwargs& keywords) {
        return to_gitops(pipeline, options_from<GitOpsOptions>("to_gitops", options, keywords));
      },
      py::arg("pipeline"), py::kw_only(), py::arg("options") = py::none(),
      call_doc<GitOpsOptions>("to_gitops(pipeline: Pipeline", "list[Manifest]",
                              "A kustomize base with overlays, and Argo CD Applications.")
          .c_str());
  m.def(
      "write_manifests",
      [](const std::vector<Manifest>& manifests, const std::filesystem::path& folder) {
        write_manifests(manifests, folder);
      },
      py::arg("manifests"), py::arg("folder"),
      "write_manifests(manifests: list[Manifest], folder: os.PathLike | str) -> None\n\n"
      "Writes each one's YAML to its path beneath `folder`. Other files stay.");
}

}  // namespace

void bind_pipeline_manifests(py::module_& m) {
  bind_result<Manifest>(m, "Manifest", "One object of a cluster.");
  bind_options<KubernetesOptions>(m, "KubernetesOptions", "What all pods of a pipeline share.");
  bind_options<ArgoOptions>(m, "ArgoOptions", "How a pipeline becomes Argo's.");
  bind_options<PipelineOverlay>(m, "PipelineOverlay", "One environment of a GitOps tree.");
  bind_options<GitOpsOptions>(m, "GitOpsOptions", "How a pipeline becomes a tree in Git.");
  bind_result<PodResult>(m, "PodResult", "How a pod's step ended.");
  bind_calls(m);
}

}  // namespace whorl::python
