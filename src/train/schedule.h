#pragma once
// Learning-rate factors as transformers defines them: warm-up from 0, then cosine, linear or constant.
#include <cstdint>

#include "whorl/trainer.h"

namespace whorl::train {

int64_t warmup_steps(const TrainOptions& options, int64_t total_steps);
// The factor of the update after `step` updates were done (0 for the first).
double schedule_factor(const TrainOptions& options, int64_t step, int64_t total_steps);

}  // namespace whorl::train
