#pragma once
// An Argo CD Application for one overlay.
#include "pipeline/kubernetes_pod.h"

namespace whorl::pipeline {

base::Json application(const Deployment& deployment, const GitOpsOptions& options,
                       const PipelineOverlay& overlay);

}  // namespace whorl::pipeline
