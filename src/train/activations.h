#pragma once
// In what the activations of a run are kept.
#include <string>

#include "model/transformer.h"
#include "whorl/trainer.h"

namespace whorl::train {

// Of options that were checked.
DType activation_of(const TrainOptions& options);

// Whether this base's device and weights take it.
void check_activations(const TrainOptions& options, const model::Transformer& base,
                       const std::string& context);

}  // namespace whorl::train
