#pragma once
// The budget of a run that was given none.
#include "train/memory_plan.h"

namespace whorl::train {

// On a device: what is free there, what `plan` says that the learners hold of it already, and what of the
// plan lies on the host. Engines and other runs have taken theirs. 0 where memory is not to be had by asking:
// on the CPU, whose system lets others give way, and where nobody can tell.
size_t free_budget(const MemoryInputs& inputs, const TrainPlan& plan);

}  // namespace whorl::train
