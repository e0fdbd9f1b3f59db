#pragma once
// PEFT's folder layout: adapter_config.json + adapter_model.safetensors.
#include <string>

#include "adapter/lora.h"
#include "base/file.h"

namespace whorl::adapter {

inline constexpr const char* config_file = "adapter_config.json";
inline constexpr const char* weights_file = "adapter_model.safetensors";

LoraConfig parse_peft_config(const std::string& text, const std::string& context,
                             std::vector<std::string>* warnings = nullptr);
// Sorted keys, indent 2: the same configuration gives the same bytes.
std::string to_peft_config(const LoraConfig& config);
// The same with patterns written so that their order does not matter.
std::string to_peft_config(const LoraAdapter& adapter);

// Both files as bytes; `context` opens messages. Nothing is believed before it is checked.
LoraAdapter parse_peft(const std::string& config, const std::string& weights, const std::string& context);
std::string to_peft_weights(const LoraAdapter& adapter, const std::string& dtype);

LoraAdapter read_peft(const std::string& folder, base::FileSystem& fs = *base::FileSystem::real());
void write_peft(const LoraAdapter& adapter, const std::string& folder, const std::string& dtype,
                base::FileSystem& fs = *base::FileSystem::real());

// Throws the message that names what to do about a folder without safetensors; returns if it has them.
void check_peft_folder(const std::string& folder, base::FileSystem& fs, const std::string& context);

// "base_model.model.<module>.lora_A.weight" (or lora_B).
std::string tensor_name(const std::string& module, char matrix);

}  // namespace whorl::adapter
