#pragma once
// The vocabulary that a GGUF file holds (keys tokenizer.ggml.*), checked: hostile until then.
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/gguf_keys.h"

namespace whorl::model {

// What a token is, by the file's own numbers.
enum class GgufToken : uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

struct GgufVocabulary {
  std::vector<std::string> tokens;  // by id; valid UTF-8, all different
  std::vector<GgufToken> kinds;
  std::unordered_map<std::string_view, int64_t> ids;  // points into tokens
  int64_t bos = -1, eos = -1, unknown = -1, padding = -1;
};

// `sentencepiece`: the ids that such a file need not name are 1 (bos), 2 (eos) and 0 (unknown).
GgufVocabulary read_gguf_vocabulary(const GgufKeys& keys, bool sentencepiece);

// Pairs of tokens in the order in which they are joined. They point into the vocabulary.
using Merges = std::vector<std::pair<std::string_view, std::string_view>>;

// Those of the file. A merge whose two parts or whose union is no token is refused by name.
Merges read_gguf_merges(const GgufKeys& keys, const GgufVocabulary& vocabulary);

// SentencePiece joins the neighbours whose union scores best. That is byte-pair encoding over every way to
// cut a token into two, ordered by the score of the token, then by the ids of the token and its parts.
Merges merges_of_scores(const GgufKeys& keys, const GgufVocabulary& vocabulary);

}  // namespace whorl::model
