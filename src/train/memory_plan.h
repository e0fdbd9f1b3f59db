#pragma once
// What a run will take beside the loaded base weights, and how it is fitted into a budget.
#include <memory>
#include <string>
#include <vector>

#include "train/learner.h"
#include "train/rows.h"

namespace whorl::train {

struct MemoryInputs {
  const model::Transformer& transformer;  // the one that is trained over
  const std::vector<std::unique_ptr<Learner>>& learners;
  const TrainOptions& options;
  const TrainRows& train;
  const TrainRows* valid;  // null = none
  int64_t micro_batch;     // tokens of the largest one, of one learner
  std::string context;     // opens messages: "[Trainer.fit]"
  int64_t ranks = 1;       // processes that share each step
};

// Fills in the plan's bytes and what is computed again. Throws std::invalid_argument when the budget cannot
// be met.
void plan_memory(const MemoryInputs& inputs, TrainPlan& plan);

model::RecomputeLevels levels_of(const TrainPlan& plan);

// Largest rank per linear among the learners' adapters.
std::vector<int64_t> ranks_of(const model::Transformer& transformer,
                              const std::vector<std::unique_ptr<Learner>>& learners);

}  // namespace whorl::train
