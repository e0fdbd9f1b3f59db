#include "guard/perplexity.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace whorl::guard {

namespace {

constexpr const char* operation = "[judge_perplexity] ";

void check_tokens(std::string_view text, const std::vector<TokenScore>& tokens,
                  const PerplexityOptions& options) {
  base::check_argument(options.window_words > 0, operation, "expected window_words to be positive, got ",
                       options.window_words);
  size_t last = 0;
  for (const TokenScore& token : tokens) {
    if (token.begin > token.end || token.end > text.size() || token.begin < last)
      base::invalid(operation, "expected tokens in the order of the text, got one at [", token.begin, ", ",
                    token.end, ") of ", text.size(), " bytes");
    if (!(token.logprob <= 0))
      base::invalid(operation, "expected a log-probability of at most 0, got ", token.logprob);
    last = token.begin;
  }
}

// Offsets where words begin and end.
std::vector<std::pair<size_t, size_t>> words_of(std::string_view text) {
  std::vector<std::pair<size_t, size_t>> out;
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
    if (!space && !inside) out.emplace_back(i, i);
    inside = !space;
    if (inside) out.back().second = i + 1;
  }
  return out;
}

// Perplexity of the tokens that lie in [begin, end), every token with the same weight; 0 where there is none.
double perplexity(const std::vector<TokenScore>& tokens, size_t begin, size_t end) {
  double sum = 0;
  size_t count = 0;
  for (const TokenScore& token : tokens) {
    // A token belongs to where its last byte is: most carry the space before their word.
    if (token.end <= begin || token.end > end) continue;
    sum -= token.logprob;
    ++count;
  }
  return count ? std::exp(sum / static_cast<double>(count)) : 0;
}

size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

PerplexityVerdict judge_perplexity(std::string_view text, const std::vector<TokenScore>& tokens,
                                   const PerplexityOptions& options) {
  check_tokens(text, tokens, options);
  PerplexityVerdict out;
  const auto words = words_of(text);
  if (tokens.empty() || words.empty()) return out;
  const double whole = perplexity(tokens, 0, text.size());
  out.length_per_perplexity = static_cast<double>(characters(text)) / whole;
  const size_t window = std::min(static_cast<size_t>(options.window_words), words.size());
  out.prefix_perplexity = perplexity(tokens, 0, words[window - 1].second);
  out.suffix_perplexity = perplexity(tokens, words[words.size() - window].first, text.size());
  const auto above = [&](const char* what, double value, double threshold) {
    if (out.jailbreak || !(value > threshold)) return;
    out.jailbreak = true;
    out.reason = base::concat(what, " is ", value, ", above ", threshold);
  };
  above("length per perplexity", out.length_per_perplexity, options.length_per_perplexity_threshold);
  above("perplexity of the beginning", out.prefix_perplexity, options.prefix_suffix_perplexity_threshold);
  above("perplexity of the end", out.suffix_perplexity, options.prefix_suffix_perplexity_threshold);
  return out;
}

}  // namespace whorl::guard
