#include "train/batch.h"

#include "base/random.h"

namespace whorl::train {

Batch::Batch(const TrainRows& rows, const MicroBatch& micro, const std::vector<Learner*>& learners,
             double weight, uint64_t step_key, bool training, int64_t first_token)
    : learners_(learners), tokens_(micro.tokens) {
  starts_.push_back(0);
  for (const Learner* learner : learners) {
    const auto begin = static_cast<int64_t>(ids_.size());
    for (const int64_t index : micro.rows) {
      const EncodedRow& row = rows.rows[static_cast<size_t>(index)];
      const int64_t n = rows.inputs[static_cast<size_t>(index)];
      for (int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        ids_.push_back(row.ids[at]);
        positions_.push_back(static_cast<int32_t>(i));
        targets_.push_back(row.trained[at + 1] ? row.ids[at + 1] : -1);
        weights_.push_back(row.trained[at + 1] ? static_cast<float>(weight) : 0);
      }
      starts_.push_back(static_cast<int32_t>(ids_.size()));
    }
    if (learner->adapter())
      adapters_.push_back({begin, static_cast<int64_t>(ids_.size()), learner->adapter(),
                           training ? learner->dropout() : 0, base::derive(learner->dropout_seed(), step_key),
                           first_token});
  }
}

model::TrainingBatch Batch::view() const {
  return {ids_, positions_, targets_, weights_, starts_, adapters_};
}

std::vector<const model::AdapterGradients*> Batch::gradients() const {
  std::vector<const model::AdapterGradients*> out;
  for (const Learner* learner : learners_)
    if (learner->adapter()) out.push_back(learner->adapter_gradients());
  return out;
}

}  // namespace whorl::train
