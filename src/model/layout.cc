#include "model/layout.h"

#include <array>

#include "model/family.h"

namespace whorl::model {

namespace {

constexpr std::array<const char*, kLinearsPerLayer> kLinearNames = {
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

std::string layer_prefix(int64_t layer) { return "model.layers." + std::to_string(layer) + "."; }

void add_layer(const ModelConfig& config, int64_t layer, std::vector<TensorSpec>& out) {
  out.push_back({norm_name(layer, "input_layernorm"), {config.hidden_size}, TensorKind::norm});
  for (int kind = 0; kind < kLinearsPerLayer; ++kind) {
    const auto k = static_cast<LinearKind>(kind);
    const Shape shape = linear_shape(config, k);
    const std::string name = linear_name(static_cast<size_t>(layer * kLinearsPerLayer + kind));
    out.push_back({name + ".weight", shape, TensorKind::matrix, kind});
    if (has_bias(config, k)) out.push_back({name + ".bias", {shape[0]}, TensorKind::bias, kind});
  }
  if (has_head_norms(config)) {
    out.push_back({norm_name(layer, "self_attn.q_norm"), {config.head_dim}, TensorKind::norm});
    out.push_back({norm_name(layer, "self_attn.k_norm"), {config.head_dim}, TensorKind::norm});
  }
  out.push_back({norm_name(layer, "post_attention_layernorm"), {config.hidden_size}, TensorKind::norm});
}

}  // namespace

std::string linear_name(size_t index) {
  return layer_prefix(static_cast<int64_t>(index / kLinearsPerLayer)) +
         kLinearNames[index % kLinearsPerLayer];
}

std::string norm_name(int64_t layer, const char* which) { return layer_prefix(layer) + which + ".weight"; }

Shape linear_shape(const ModelConfig& c, LinearKind kind) {
  const int64_t q = c.num_attention_heads * c.head_dim, kv = c.num_key_value_heads * c.head_dim;
  switch (kind) {
    case kQuery:
      return {q, c.hidden_size};
    case kKey:
    case kValue:
      return {kv, c.hidden_size};
    case kOutput:
      return {c.hidden_size, q};
    case kGate:
    case kUp:
      return {c.intermediate_size, c.hidden_size};
    default:
      return {c.hidden_size, c.intermediate_size};
  }
}

bool has_bias(const ModelConfig& config, LinearKind kind) {
  const Biases biases = family_of(config.model_type, "[Model]").biases;
  const bool qkv = kind == kQuery || kind == kKey || kind == kValue;
  if (biases == Biases::always_qkv) return qkv;
  return biases == Biases::optional_qkvo && config.attention_bias && (qkv || kind == kOutput);
}

bool has_head_norms(const ModelConfig& config) { return family_of(config.model_type, "[Model]").head_norms; }

std::vector<TensorSpec> tensor_specs(const ModelConfig& config) {
  std::vector<TensorSpec> out;
  out.push_back({kEmbeddingName, {config.vocab_size, config.hidden_size}, TensorKind::embedding});
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) add_layer(config, layer, out);
  out.push_back({kFinalNormName, {config.hidden_size}, TensorKind::norm});
  if (!config.tie_word_embeddings)
    out.push_back({kHeadName, {config.vocab_size, config.hidden_size}, TensorKind::head});
  return out;
}

int64_t parameter_count(const ModelConfig& config) {
  int64_t total = 0;
  for (const TensorSpec& spec : tensor_specs(config)) {
    int64_t n = 1;
    for (const int64_t d : spec.shape) n *= d;
    total += n;
  }
  return total;
}

}  // namespace whorl::model
