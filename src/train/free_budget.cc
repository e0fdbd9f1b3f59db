#include "train/free_budget.h"

namespace whorl::train {

size_t free_budget(const MemoryInputs& inputs, const TrainPlan& plan) {
  ops::Backend& backend = inputs.transformer.backend();
  if (backend.on_host()) return 0;
  const auto now = backend.memory_now();
  if (!now) return 0;
  return now->free + plan.optimizer_bytes + plan.adapter_bytes + plan.data_bytes + plan.transient_bytes;
}

}  // namespace whorl::train
