#pragma once
// config.json in and out. What would change the forward pass and is not computed here is refused by name.
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "whorl/model.h"

namespace whorl::model {

// How the angles of rotary positions are stretched (config.json: rope_scaling or rope_parameters).
struct RopeScaling {
  enum class Kind : uint8_t { none, linear, llama3 };
  Kind kind = Kind::none;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  int64_t original_max_position_embeddings = 0;      // llama3
};

// `context` opens every message: "[Model.load] folder/config.json".
ModelConfig parse_config(const base::Json& json, const std::string& context);
RopeScaling parse_rope_scaling(const std::string& json, const std::string& context);

// Fills in derived defaults (head_dim, num_key_value_heads) and throws unless the numbers fit together.
ModelConfig complete_config(ModelConfig config, const std::string& context);

// config.json as transformers (4 and 5), vLLM and llama.cpp read it.
base::Json to_json(const ModelConfig& config);

// eos_token_id as generation_config.json and config.json have it: an integer, a list or null.
std::vector<int64_t> parse_eos(const base::Json& json, const std::string& context);

}  // namespace whorl::model
