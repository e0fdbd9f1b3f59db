#pragma once
// A row as text with its trained spans, and as tokens with their mask.
#include <string>
#include <vector>

#include "text/model_text.h"
#include "whorl/dataset.h"

namespace whorl::data {

struct Rendered {
  std::string text;
  std::vector<text::ByteRange> trained = {};    // sorted, disjoint
  std::vector<text::ByteRange> untrusted = {};  // sorted, disjoint; control tokens in there are plain text
  // A rendered chat holds its own BOS and terminators; bare text gets the tokenizer's additions and an EOS,
  // so that the model learns to stop.
  bool add_special_tokens = true;
  bool append_eos = true;
};

Rendered render(const text::ModelText& model, const Row& row);
// A token is trained only if all its bytes lie in one span.
EncodedRow tokenize(const text::ModelText& model, const Rendered& rendered);
EncodedRow encode_row(const text::ModelText& model, const Row& row);

}  // namespace whorl::data
