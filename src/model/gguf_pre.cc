#include "model/gguf_pre.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace whorl::model {

using base::Json;

namespace {

Json byte_level(bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json split(const std::string& regex) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
}

Json sequence(const Json& steps) { return {{"type", "Sequence"}, {"pretokenizers", steps}}; }

// Llama 3 and Qwen2 differ in how many digits stay together.
Json words(const std::string& digits) {
  return sequence({split(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
                         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
                   byte_level(false)});
}

Json default_rule() {
  return sequence({split(R"([\p{P}\$\+<=>\^~\|]+)"),
                   split(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))"),
                   split(R"(\p{N}+)"), split("[0-9][0-9][0-9]"), byte_level(false)});
}

}  // namespace

std::optional<PreTokenizer> find_pre_tokenizer(const std::string& name) {
  if (name == "gpt-2") return PreTokenizer{byte_level(true).dump(), {}};
  if (name == "default") return PreTokenizer{default_rule().dump(), {}};
  if (name == "llama-bpe") return PreTokenizer{words(R"(\p{N}{1,3})").dump(), {}, true, true};
  if (name == "qwen2") return PreTokenizer{words(R"(\p{N})").dump(), R"({"type":"NFC"})"};
  const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  if (name == "smollm") return PreTokenizer{sequence(Json::array({digits, byte_level(true)})).dump(), {}};
  return std::nullopt;
}

std::string pre_tokenizer_names() { return "gpt-2, llama-bpe, qwen2, smollm and default"; }

}  // namespace whorl::model
