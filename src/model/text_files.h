#pragma once
// The files beside the weights: tokenizer, chat template, generation settings. Kept as bytes, so that a model
// can be saved after its folder has gone, and saves what it read.
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/json.h"
#include "model/config.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace whorl::model {

using TextFiles = std::map<std::string, std::string>;

// Those of the known names that are there.
TextFiles read_text_files(const std::string& folder, const std::string& operation);

struct TextParts {
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::shared_ptr<const text::ChatTemplate> chat_template;
  std::map<std::string, std::string> special_tokens;  // "eos_token" -> "</s>"
};
TextParts parse_text_files(const TextFiles& files, const std::string& context);

// generation_config.json decides what ends a generation; then config.json; then the tokenizer's eos_token.
void apply_generation_config(const TextFiles& files, const TextParts& parts, const std::string& context,
                             ModelConfig& config);

// generation_config.json for a model that never had one.
std::string generation_config(const ModelConfig& config);

}  // namespace whorl::model
