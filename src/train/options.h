#pragma once
// Options: checked, and written down so that a checkpoint knows whose it is.
#include <string>
#include <vector>

#include "base/json.h"
#include "whorl/trainer.h"

namespace whorl::train {

void check_options(const TrainOptions& options, const std::string& context);
void check_adapters(const std::vector<LoraOptions>& adapters, const std::string& context);
void check_learning_rate(double learning_rate, double weight_decay, const std::string& context);

// Everything that decides the numbers, and nothing that does not (folders, how often to save, the
// memory budget).
base::Json to_json(const TrainOptions& options);
base::Json to_json(const LoraOptions& options);

}  // namespace whorl::train
