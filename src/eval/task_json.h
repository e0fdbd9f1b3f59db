#pragma once
// Tasks and their parts as JSON, both ways.
#include <nlohmann/json_fwd.hpp>

#include "base/json.h"
#include "whorl/evaluator.h"

namespace whorl::eval {

EvaluateTask task_from(const base::Json& json, const std::string& name, const std::string& context);
base::Json task_json(const EvaluateTask& task);
base::Json sampling_json(const SamplingOptions& sampling);

// "tool_calling" for "Tool-Calling": how names of metrics are compared.
std::string plain_type(const std::string& type);

}  // namespace whorl::eval
