#pragma once
// The tensors of a checkpoint on disk, checked against what the configuration asks for.
#include <string>

#include "model/weights.h"
#include "tensor/safetensors.h"

namespace whorl::model {

// Throws std::invalid_argument naming every missing, unexpected or misshapen tensor (the first few of each).
// Harmless extras are let pass: saved rotary tables, and a copy of a tied head that equals the embedding.
void check_tensor_names(const tensor::Safetensors& file, const ModelConfig& config,
                        const std::string& context);

// "float32", "bfloat16" or "float16": how the embedding is stored.
std::string stored_dtype(const tensor::Safetensors& file);

// One tensor as it is to be packed. `dtype`: "auto" keeps the stored one. NaN and Inf are refused by name.
Tensor read_tensor(const tensor::Safetensors& file, const TensorSpec& spec, const std::string& dtype,
                   const std::string& context);

}  // namespace whorl::model
