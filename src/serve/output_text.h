#pragma once
// The text of one generation as it grows: characters leave only when they are whole and can no longer be the
// beginning of a stop string.
#include <optional>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace whorl::serve {

class OutputText {
 public:
  // Without a tokenizer the text stays empty.
  OutputText(const text::Tokenizer* tokenizer, std::vector<std::string> stops);

  std::string push(int32_t id);                      // what may leave now, perhaps nothing
  std::string finish();                              // the rest; call once
  bool stopped() const { return stopped_; }          // a stop string was met; nothing more will leave
  const std::string& text() const { return text_; }  // all that has left

 private:
  std::string release(const std::string& piece, bool last);

  std::optional<text::StreamDecoder> decoder_;
  std::vector<std::string> stops_;
  std::string held_, text_;
  bool stopped_ = false;
};

// Where the text ends: before the stop string that is complete first (of those complete at the same byte, the
// one that began first). npos = none. It does not matter how the text was cut into tokens.
size_t find_stop(const std::string& text, const std::vector<std::string>& stops);
// Length of the longest end of `text` that begins a stop string.
size_t held_back(const std::string& text, const std::vector<std::string>& stops);

}  // namespace whorl::serve
