#pragma once
// Jailbreak heuristics over the log-probabilities of a prompt's tokens. Who has them (the engine's prefill)
// is not this file's business.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::guard {

struct TokenScore {
  double logprob = 0;         // natural; the first token of a text may be left out
  size_t begin = 0, end = 0;  // bytes of the text
};

// The thresholds of the literature are calibrated to GPT-2-large; another model needs its own: score texts
// known to be good and take a high quantile.
struct PerplexityOptions {
  double length_per_perplexity_threshold = 89.79;       // characters / perplexity above it: a jailbreak
  double prefix_suffix_perplexity_threshold = 1845.65;  // of either end above it: a jailbreak
  int window_words = 20;  // how long an end is; a shorter text is one end, and is judged
};

struct PerplexityVerdict {
  bool jailbreak = false;
  std::string reason;  // "" or which figure lies above which threshold
  double length_per_perplexity = 0, prefix_perplexity = 0, suffix_perplexity = 0;  // 0 = nothing to judge
};

// Throws std::invalid_argument where a token lies outside the text, is out of order, or has a log-probability
// above 0 or not a number.
PerplexityVerdict judge_perplexity(std::string_view text, const std::vector<TokenScore>& tokens,
                                   const PerplexityOptions& options = {});

}  // namespace whorl::guard
