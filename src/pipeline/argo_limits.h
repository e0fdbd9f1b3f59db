#pragma once
// What the API server and Argo refuse for its size or number, said before anything is sent.
#include <string>

#include "base/json.h"

namespace whorl::pipeline {

struct ArgoLimits {
  size_t templates = 200, tasks = 200, inputs = 500;
  size_t task_name_bytes = 128;
  size_t argument_bytes = 128 * 1024;  // all of one container
  size_t object_bytes = 1'500'000;     // as JSON; etcd takes a little more, a dry run does not notice
};

// Throws std::invalid_argument naming object, template or task, and field. Looks at a WorkflowTemplate,
// Workflow or CronWorkflow as it will be sent.
void check_limits(const base::Json& object, const std::string& where, const ArgoLimits& limits = {});

}  // namespace whorl::pipeline
