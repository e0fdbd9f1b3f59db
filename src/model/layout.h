#pragma once
// Every tensor of a checkpoint: its name in the file, its shape, and what it is.
#include <cstdint>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "tensor/tensor.h"
#include "whorl/model.h"

namespace whorl::model {

enum class TensorKind : uint8_t { embedding, head, matrix, bias, norm };

struct TensorSpec {
  std::string name;  // "model.layers.0.self_attn.q_proj.weight"
  Shape shape;
  TensorKind kind = TensorKind::matrix;
  int linear = -1;  // LinearKind of a layer's matrix or bias; -1 = none
};

// In a fixed order: embedding, layers from the bottom, final norm, head (left out when tied). This is the
// order of digests, of initial weights and of gradients.
std::vector<TensorSpec> tensor_specs(const ModelConfig& config);

// "model.layers.3.mlp.up_proj" for the linear of that index.
std::string linear_name(size_t index);
Shape linear_shape(const ModelConfig& config, LinearKind kind);  // [O, K]
bool has_bias(const ModelConfig& config, LinearKind kind);
bool has_head_norms(const ModelConfig& config);

inline constexpr const char* kEmbeddingName = "model.embed_tokens.weight";
inline constexpr const char* kFinalNormName = "model.norm.weight";
inline constexpr const char* kHeadName = "lm_head.weight";
std::string norm_name(int64_t layer, const char* which);  // "input_layernorm", "self_attn.q_norm", …

int64_t parameter_count(const ModelConfig& config);

}  // namespace whorl::model
