#pragma once
// The tokenizer and chat template that a GGUF file holds, as the files of a Hugging Face folder.
#include "model/gguf_keys.h"
#include "model/text_files.h"

namespace whorl::model {

struct GgufText {
  TextFiles files;           // tokenizer.json and tokenizer_config.json, as far as the file has them
  std::string no_tokenizer;  // why there is no tokenizer.json: "'tokenizer.ggml.pre' is 'x', …"
};

// What keys tokenizer.* say. A kind of tokenizer that cannot be reproduced exactly is no error, it is named
// in `no_tokenizer`; a broken one is std::invalid_argument.
GgufText gguf_text(const GgufKeys& keys);

}  // namespace whorl::model
