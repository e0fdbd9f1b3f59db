#pragma once
// Whose checkpoint is it? Everything that decides the numbers of a run.
#include "base/json.h"
#include "train/rows.h"
#include "whorl/model.h"
#include "whorl/trainer.h"

namespace whorl::train {

// JSON text.
std::string run_identity(const Model& base, const TrainOptions& options, const base::Json& learners,
                         const TrainRows& rows, const TrainRows* valid);

// keep_best and early stopping make no sense without validation data.
void check_validation(const TrainOptions& options, bool has_validation, const std::string& context);

}  // namespace whorl::train
