#pragma once
// How texts are cut into words before byte-pair encoding, by the names that GGUF files have for it.
#include <optional>
#include <string>

namespace whorl::model {

struct PreTokenizer {
  std::string json;            // the field pre_tokenizer of tokenizer.json
  std::string normalizer;      // the field normalizer; empty = none
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
  bool add_bos = false;        // where the file does not say
};

// gpt-2, llama-bpe, qwen2 and smollm are what the published tokenizer.json of GPT-2, Llama 3, Qwen2 and
// SmolLM say; "default" is the rule that llama.cpp has under that name.
std::optional<PreTokenizer> find_pre_tokenizer(const std::string& name);
std::string pre_tokenizer_names();  // for messages

}  // namespace whorl::model
