// The front door: a pipeline in, manifests out.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "pipeline/argo_cd_application.h"
#include "pipeline/argo_limits.h"
#include "pipeline/argo_run.h"
#include "pipeline/argo_template.h"
#include "pipeline/kubernetes_job.h"
#include "pipeline/kustomize_tree.h"
#include "pipeline/pipeline_impl.h"

namespace whorl {

using base::Json;

namespace {

Manifest checked(const pipeline::Deployment& deployment, const Json& object, const std::string& path) {
  pipeline::check_limits(object, deployment.where);
  return pipeline::finish(object, path);
}

const pipeline::Spec& valid_spec(const Pipeline& pipeline) {
  pipeline.validate();
  return pipeline.impl().spec;
}

}  // namespace

std::vector<Manifest> to_argo(const Pipeline& pipeline, const ArgoOptions& options) {
  const auto deployment = pipeline::deploy(valid_spec(pipeline), options, "to_argo");
  std::vector<Manifest> made;
  made.push_back(
      checked(deployment, pipeline::workflow_template(deployment, options), "workflow-template.yaml"));
  made.push_back(checked(deployment, pipeline::workflow(deployment), "workflow.yaml"));
  if (!options.schedules.empty())
    made.push_back(checked(deployment, pipeline::cron_workflow(deployment, options), "cron-workflow.yaml"));
  return made;
}

Manifest to_kubernetes(const Pipeline& pipeline, const std::string& step, const KubernetesOptions& options,
                       int64_t item) {
  const auto deployment = pipeline::deploy(valid_spec(pipeline), options, "to_kubernetes");
  const pipeline::Step* found = deployment.spec.find(step);
  if (found == nullptr) {
    std::vector<std::string> names;
    for (const auto& candidate : deployment.spec.steps) names.push_back(candidate.name);
    base::invalid(deployment.where, ": no step '", base::printable(step, 80), "'",
                  base::did_you_mean(step, names));
  }
  return pipeline::finish(pipeline::job(deployment, *found, item), "job-" + step + ".yaml");
}

std::vector<Manifest> to_gitops(const Pipeline& pipeline, const GitOpsOptions& options) {
  const auto deployment = pipeline::deploy(valid_spec(pipeline), options, "to_gitops");
  auto made = pipeline::kustomize_tree(deployment, options);
  if (options.repository.empty()) return made;
  for (const PipelineOverlay& overlay : pipeline::overlays_of(options))
    made.push_back(pipeline::finish(pipeline::application(deployment, options, overlay),
                                    "argo-cd/" + overlay.name + ".yaml"));
  return made;
}

void write_manifests(const std::vector<Manifest>& manifests, const std::filesystem::path& folder) {
  base::FileSystem& files = *base::FileSystem::real();
  for (const Manifest& manifest : manifests) {
    base::check_relative_name(manifest.path, "[write_manifests] path");
    const std::string path = base::join(folder.string(), manifest.path);
    base::make_directories(files, base::parent_of(path), "write_manifests");
    base::write_file_durably(files, path, manifest.yaml, "write_manifests");
  }
}

}  // namespace whorl
