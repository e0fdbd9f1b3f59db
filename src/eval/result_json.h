#pragma once
// Results as JSON.
#include <nlohmann/json_fwd.hpp>

#include "base/json.h"
#include "whorl/evaluator.h"

namespace whorl::eval {

base::Json score_json(const Score& score);
base::Json row_json(const RowScore& row);
// Without rows and without what the clock says.
base::Json summary_json(const EvaluateResult& result);
base::Json comparison_json(const Comparison& comparison);

}  // namespace whorl::eval
