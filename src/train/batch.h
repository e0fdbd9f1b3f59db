#pragma once
// Rows of a micro-batch as the training pass reads them, once per learner: learner i owns rows [i * T, (i +
// 1) * T).
#include <vector>

#include "model/training_pass.h"
#include "train/epochs.h"
#include "train/learner.h"

namespace whorl::train {

class Batch {
 public:
  // `weight`: what one trained token counts. Learners without an adapter (all weights) must be alone.
  // `step_key` seeds dropout and is the same for all learners; no dropout where `training` is false. Rows
  // that are a part of a micro-batch begin at its token `first_token`, and are dropped as they are in the
  // whole.
  Batch(const TrainRows& rows, const MicroBatch& micro, const std::vector<Learner*>& learners, double weight,
        uint64_t step_key, bool training, int64_t first_token = 0);

  model::TrainingBatch view() const;
  std::vector<const model::AdapterGradients*> gradients() const;
  int64_t rows_per_learner() const { return tokens_; }

 private:
  std::vector<int32_t> ids_, positions_, targets_, starts_;
  std::vector<float> weights_;
  std::vector<model::AdapterRows> adapters_;
  const std::vector<Learner*>& learners_;
  int64_t tokens_ = 0;
};

}  // namespace whorl::train
