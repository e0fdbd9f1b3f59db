#pragma once
// What the two forms of the function-calling check share.
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "whorl/metrics.h"

namespace whorl::eval {

// A call with its arguments read; null when they are not JSON.
struct ReadCall {
  std::string name;
  std::shared_ptr<const base::Json> arguments;
};

// One expected call: the function's description (null when it is not among those offered) and, per argument,
// the values that will do.
struct ExpectedCall {
  std::string name;
  const base::Json* function = nullptr;
  const base::Json* arguments = nullptr;
};

// Errors of the caller's own files are std::invalid_argument.
BfclResult check_call_loosely(const ExpectedCall& expected, const ReadCall& got);
BfclResult check_call_strictly(const ExpectedCall& expected, const ReadCall& got);

BfclResult bfcl_fault(std::string type, std::string error);

}  // namespace whorl::eval
