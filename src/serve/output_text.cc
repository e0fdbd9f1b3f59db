#include "serve/output_text.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace whorl::serve {

size_t find_stop(const std::string& text, const std::vector<std::string>& stops) {
  size_t best_end = std::string::npos, best_begin = std::string::npos;
  for (const auto& stop : stops) {
    const size_t begin = text.find(stop);
    if (begin == std::string::npos) continue;
    const size_t end = begin + stop.size();
    if (end < best_end || (end == best_end && begin < best_begin)) {
      best_end = end;
      best_begin = begin;
    }
  }
  return best_begin;
}

size_t held_back(const std::string& text, const std::vector<std::string>& stops) {
  size_t longest = 0;
  for (const auto& stop : stops) {
    for (size_t length = std::min(text.size(), stop.size() - 1); length > longest; --length) {
      if (std::string_view(text).ends_with(std::string_view(stop).substr(0, length))) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}

OutputText::OutputText(const text::Tokenizer* tokenizer, std::vector<std::string> stops)
    : stops_(std::move(stops)) {
  if (tokenizer) decoder_.emplace(*tokenizer, true);
}

std::string OutputText::push(int32_t id) {
  if (!decoder_ || stopped_) return {};
  return release(decoder_->push(id), false);
}

std::string OutputText::finish() {
  if (!decoder_ || stopped_) return {};
  return release(decoder_->finish(), true);
}

std::string OutputText::release(const std::string& piece, bool last) {
  held_ += piece;
  const size_t stop = find_stop(held_, stops_);
  stopped_ = stop != std::string::npos;
  const size_t safe = stopped_ ? stop : held_.size() - (last ? 0 : held_back(held_, stops_));
  std::string out = held_.substr(0, safe);
  held_.erase(0, safe);
  text_ += out;
  return out;
}

}  // namespace whorl::serve
