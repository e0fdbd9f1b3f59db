#include "serve/prompt_lookup.h"

#include <algorithm>

namespace whorl::serve {

namespace {
// How many of the tokens before `end` are the last ones, up to `most`.
int64_t in_common(std::span<const int32_t> tokens, int64_t end, int64_t most) {
  const auto size = static_cast<int64_t>(tokens.size());
  int64_t n = 0;
  while (n < most && n < end &&
         tokens[static_cast<size_t>(end - 1 - n)] == tokens[static_cast<size_t>(size - 1 - n)])
    ++n;
  return n;
}
}  // namespace

void PromptLookup::guess(std::span<const int32_t> tokens, std::vector<int32_t>& out) const {
  out.clear();
  if (limit_ == 0) return;
  const auto size = static_cast<int64_t>(tokens.size());
  int64_t longest = kShortest - 1, from = size;
  for (int64_t end = size - 1; end >= kShortest && longest < kLongest; --end) {
    const int64_t n = in_common(tokens, end, kLongest);
    if (n > longest) longest = n, from = end;
  }
  if (from == size) return;
  // Beyond what is known it goes on as it began: text that repeats itself.
  for (int64_t i = 0; i < limit_; ++i)
    out.push_back(from + i < size ? tokens[static_cast<size_t>(from + i)]
                                  : out[static_cast<size_t>(from + i - size)]);
}

void PromptLookup::learn(int64_t guessed, int64_t right) {
  if (guessed == 0) return;
  limit_ = right == guessed ? std::min(most_, 2 * limit_) : std::min(most_, right + 1);
}

}  // namespace whorl::serve
