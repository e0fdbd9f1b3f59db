#pragma once
// What rooms below the model need of it to turn conversations into tokens. The model room implements it.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace whorl {
class Model;
}

namespace whorl::text {

struct ModelText {
  std::shared_ptr<const Tokenizer> tokenizer;         // null = the model has none
  std::shared_ptr<const ChatTemplate> chat_template;  // null = the model has none
  std::int64_t max_positions = 0;                     // longest sequence that the model accepts, in tokens
  std::vector<TokenId> eos;                           // any of them ends a generation; the first is appended
  std::string no_tokenizer = {};                      // why there is none: "no tokenizer.json"
};

ModelText model_text(const Model& model);

}  // namespace whorl::text
