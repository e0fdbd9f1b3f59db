#pragma once
// One step as a plain batch/v1 Job, tried again by exit status as the walk would.
#include "pipeline/kubernetes_pod.h"

namespace whorl::pipeline {

base::Json job(const Deployment& deployment, const Step& step, int64_t item);

}  // namespace whorl::pipeline
