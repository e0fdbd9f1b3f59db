#pragma once
// Texts with spaces between their tokens, as the references of BLEU, TER and ROUGE cut them. Whoever asks
// splits at white space.
#include <string>
#include <string_view>
#include <vector>

#include "whorl/metrics.h"

namespace whorl::eval {

std::string tokenize_13a(std::string_view line);
std::string tokenize_characters(std::string_view line);
std::string tokenize_tercom(std::string_view line, const TerOptions& options);

// Lower case, [a-z0-9]+, words of more than three letters stemmed if asked.
std::vector<std::string> rouge_tokens(std::string_view text, bool use_stemmer);

}  // namespace whorl::eval
