#pragma once
// The inside of a Tokenizer, for the other faces of this room.
#include "text/tokenizer.h"
#include "text/whorl_text.h"

namespace whorl::text {

struct Tokenizer::Body {
  explicit Body(whorl_tokenizer* tokenizer) : handle(tokenizer) {}
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  whorl_tokenizer* handle;
};

}  // namespace whorl::text
