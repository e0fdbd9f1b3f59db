#pragma once
// What a run would do and need.
#include <memory>
#include <vector>

#include "train/learner.h"
#include "train/rows.h"

namespace whorl::train {

TrainPlan make_plan(const model::Transformer& transformer,
                    const std::vector<std::unique_ptr<Learner>>& learners, const TrainRows& rows,
                    const TrainOptions& options, const TrainRows* valid = nullptr,
                    const std::string& context = "[Trainer.plan]");

}  // namespace whorl::train
