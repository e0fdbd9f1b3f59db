#pragma once
// Conditions and retry policies in Argo's expression language, meaning what they mean locally. Values enter
// as data; what cannot be said with the same meaning is refused.
#include <string>
#include <utility>
#include <vector>

#include "pipeline/kubernetes_pod.h"

namespace whorl::pipeline {

// "{{=…}}" for a task's `when`, or "" for a step without conditions.
std::string when_expression(const Deployment& deployment, const Step& step);

// Outputs of other steps that conditions of `spec` look at: (step, output), sorted.
std::vector<std::pair<std::string, std::string>> observed_outputs(const Spec& spec);

// A whole retryStrategy, written out also for steps that are never tried again: a controller may have
// defaults of its own.
base::Json retry_strategy(const Deployment& deployment, const Step& step);

}  // namespace whorl::pipeline
