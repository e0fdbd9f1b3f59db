#pragma once
// What tells the families apart, as data. The transformer itself knows no family.
#include <cstdint>
#include <string>
#include <vector>

namespace whorl::model {

enum class Biases : uint8_t { never, always_qkv, optional_qkvo };  // optional: config.json's attention_bias

struct Family {
  const char* model_type;
  const char* architecture;
  Biases biases;
  bool head_norms;           // RMS norm of every query and key head
  bool sliding_window;       // config.json's sliding_window holds for every layer
  int64_t default_kv_heads;  // where config.json leaves it out; 0 = as many as heads
  int64_t default_head_dim;  // 0 = hidden_size / heads
  int64_t default_sliding_window;
  int64_t default_max_positions;
};

const std::vector<Family>& families();
// Throws std::invalid_argument naming what there is.
const Family& family_of(const std::string& model_type, const std::string& context);

}  // namespace whorl::model
