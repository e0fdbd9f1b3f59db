#pragma once
// Progress as JSON: a line of the metrics file, and history inside a checkpoint.
#include "base/json.h"
#include "whorl/trainer.h"

namespace whorl::train {

base::Json to_json(const Progress& progress);  // numbers that are not finite become null
Progress parse_progress(const base::Json& json, const std::string& context);

base::Json finite_or_null(double value);
double number_or_nan(const base::Json& json, const char* key);

}  // namespace whorl::train
