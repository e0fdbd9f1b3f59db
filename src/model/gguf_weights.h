#pragma once
// Matrices that a GGUF file holds rounded, taken over as they are.
#include "model/gguf_model.h"
#include "model/weights.h"

namespace whorl::model {

// What Model::load does with them. quantize "auto": Q8_0, Q4_0 and Q4_K keep their codes, Q6_K, which has a
// scale for every 16 numbers, is rounded once more to int8; others are not rounded. "int8" and "int4": Q8_0,
// or Q4_0 and Q4_K, keep their codes, all others are rounded. "none": everything is widened; "fp8" rounds
// what was widened. NaN and Inf are refused by name.
StoredMatrix read_gguf_matrix(const tensor::Gguf& file, const ModelConfig& config, const TensorSpec& spec,
                              const std::string& quantize, const std::string& context);

}  // namespace whorl::model
