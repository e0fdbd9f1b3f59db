#pragma once
// How a judge may answer: which words, as the pattern that constrains the decoder, and what each word means.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guard/config.h"

namespace whorl::guard {

struct AnswerForm {
  std::string regex;                   // the decoder can write nothing else
  int64_t max_tokens = 8;              // enough for the longest answer
  std::string_view blocking, passing;  // the words, lower case; "" = the answer is JSON
  std::string_view field;              // of the JSON: the one that decides
};

const AnswerForm& answer_form(const FlowEntry& flow, const PromptEntry& prompt);

// true = block. Empty: the text is neither answer. The whole text counts, never its beginning: "not safe" and
// "yes, safe" are no answers.
std::optional<bool> blocks(const AnswerForm& form, std::string_view text);

// Probability of the blocking word against the passing one, from the texts and log-probabilities of the
// likeliest first tokens. -1: the form has no words, or neither is among them.
double blocking_probability(const AnswerForm& form, const std::vector<std::pair<std::string, double>>& first);

}  // namespace whorl::guard
