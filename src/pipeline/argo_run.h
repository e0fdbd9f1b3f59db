#pragma once
// What starts a pipeline on a cluster: a Workflow, or a CronWorkflow. Both only name the template and give
// arguments, as a controller that allows nothing else demands.
#include "pipeline/kubernetes_pod.h"

namespace whorl::pipeline {

// The run's name: options.run_id, or "<pipeline>-<ten digits>" from plan and parameters.
std::string run_name(const Deployment& deployment);
// A value of `parameter` as Argo holds it: strings as they are, the rest as JSON. Equal values, equal texts.
std::string parameter_text(const Deployment& deployment, const Parameter& parameter, const Value& value);
// The given parameters, checked; those left to their defaults are left out.
Object given_parameters(const Deployment& deployment);

base::Json workflow(const Deployment& deployment);
base::Json cron_workflow(const Deployment& deployment, const ArgoOptions& options);

}  // namespace whorl::pipeline
