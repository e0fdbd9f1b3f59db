#pragma once
// The WorkflowTemplate of a pipeline: one DAG with a task for each step, one leaf template for each task, and
// a second DAG for the exit steps.
//
// A step with foreach is two tasks: "<step>-items", fanned out by withParam over a list in a parameter, and
// "<step>", which gathers. The gatherer reads every item's result, also the failed ones', and ends as the
// failure policy says; so whatever needs the step waits for it by the step's own name.
#include "pipeline/kubernetes_pod.h"

namespace whorl::pipeline {

base::Json workflow_template(const Deployment& deployment, const ArgoOptions& options);

// Name of a task that fans out.
std::string items_task(const Step& step);

}  // namespace whorl::pipeline
