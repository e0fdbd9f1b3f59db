// A PEFT folder of any bytes: up to the first zero byte adapter_config.json, then adapter_model.safetensors.
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "adapter/peft.h"
#include "adapter/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(all.find('\0'), all.size());
  try {
    const auto config = whorl::adapter::parse_peft_config(all.substr(0, cut), "[fuzz]");
    whorl::adapter::resolve_targets(config, {"model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj"},
                                    "[fuzz]");
    whorl::adapter::parse_peft(all.substr(0, cut), all.substr(std::min(cut + 1, all.size())), "[fuzz]");
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
