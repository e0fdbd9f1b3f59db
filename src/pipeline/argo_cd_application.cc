#include "pipeline/argo_cd_application.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "pipeline/kubernetes_names.h"

namespace whorl::pipeline {

using base::check_argument;
using base::Json;

namespace {

void check_text(const std::string& text, const std::string& where) {
  const bool clean = std::none_of(text.begin(), text.end(),
                                  [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
  check_argument(!text.empty() && clean, where, ": expected a text without blanks, got '",
                 base::printable(text), "'");
}

}  // namespace

Json application(const Deployment& deployment, const GitOpsOptions& options, const PipelineOverlay& overlay) {
  const auto named = [&](const char* field) { return deployment.where + ": options." + field; };
  check_text(options.repository, named("repository"));
  check_text(options.revision, named("revision"));
  check_object_name(options.argo_cd_namespace, 63, named("argo_cd_namespace"));
  std::string path = options.repository_path;
  if (!path.empty()) base::check_relative_name(path, named("repository_path"));
  path += std::string(path.empty() ? "" : "/") + "overlays/" + overlay.name;
  const std::string name = deployment.spec.name + "-" + overlay.name;
  check_object_name(name, 63, deployment.where + ": the application's name");

  Json destination = {{"server", "https://kubernetes.default.svc"}};
  if (!overlay.namespace_name.empty()) destination["namespace"] = overlay.namespace_name;
  // Server-side apply: a template may be longer than what an annotation holds, which client-side apply needs.
  return {
      {"apiVersion", "argoproj.io/v1alpha1"},
      {"kind", "Application"},
      {"metadata",
       {{"labels", labels(deployment, "", nullptr)},
        {"name", name},
        {"namespace", options.argo_cd_namespace}}},
      {"spec",
       {{"destination", destination},
        {"project", "default"},
        {"source", {{"path", path}, {"repoURL", options.repository}, {"targetRevision", options.revision}}},
        {"syncPolicy",
         {{"automated", {{"prune", true}, {"selfHeal", true}}},
          {"syncOptions", Json::array({"CreateNamespace=true", "ServerSideApply=true"})}}}}}};
}

}  // namespace whorl::pipeline
