#pragma once
// What stands behind whorl::Pipeline.
#include <map>
#include <string>

#include "pipeline/spec.h"
#include "whorl/pipeline.h"

namespace whorl {

struct Pipeline::Impl {
  struct Function {
    PipelineFunction call;
    std::string version;
  };
  pipeline::Spec spec;
  std::map<std::string, Function> functions;
};

namespace pipeline {

// The public structs in the pipeline's JSON form: one way in, one set of messages.
base::Json to_json(const PipelineParameter& parameter);
base::Json to_json(const PipelineStep& step);

}  // namespace pipeline
}  // namespace whorl
