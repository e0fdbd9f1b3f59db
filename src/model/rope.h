#pragma once
// The table of rotary angles, as transformers computes it: frequencies and angles rounded to float32.
#include <cstdint>

#include "model/config.h"
#include "tensor/tensor.h"

namespace whorl::model {

// [D / 2], float32.
Tensor rope_frequencies(const ModelConfig& config);
// [positions, D]: cos of the D / 2 angles, then sin.
Tensor rope_table(const ModelConfig& config, int64_t positions);
// How many positions a model's table has once `positions` are asked for: it doubles from 512 on.
int64_t rope_positions(const ModelConfig& config, int64_t positions);

}  // namespace whorl::model
