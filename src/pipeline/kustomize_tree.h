#pragma once
// A tree for Git: base (template, cron, account, role, claim) and one overlay for each environment.
#include <vector>

#include "pipeline/kubernetes_pod.h"

namespace whorl::pipeline {

std::vector<Manifest> kustomize_tree(const Deployment& deployment, const GitOpsOptions& options);

// The overlays asked for, or the one that stands for none.
std::vector<PipelineOverlay> overlays_of(const GitOpsOptions& options);

}  // namespace whorl::pipeline
