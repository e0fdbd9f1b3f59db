#pragma once
// What the host wants to know of an optimizer step, in one piece of device memory: it is fetched at once,
// when everything else is queued.
#include <vector>

#include "ops/backend.h"

namespace whorl::train {

class StepNumbers {
 public:
  // `rows`: of all micro-batches of this rank, of all learners.
  StepNumbers(ops::Backend& backend, size_t learners, int64_t rows);

  // Of the gradients, as Backend::clipped_adamw leaves them.
  const Tensor& norms() const { return norms_; }
  // Room for the losses of the next micro-batch.
  Tensor next_losses(int64_t rows);

  struct Fetched {
    std::vector<double> norms;  // by learner
    Tensor losses;              // of all micro-batches, one after another; on the host
  };
  // Waits for what is queued: the only wait of a step that trains adapters in one process.
  Fetched fetch() const;

 private:
  ops::Backend& backend_;
  Tensor memory_, norms_, losses_;
  int64_t taken_ = 0;
};

}  // namespace whorl::train
