#pragma once
// Log-probabilities of a text's tokens from the engine's own prefill, for the jailbreak heuristics.
#include <string>
#include <vector>

#include "guard/perplexity.h"
#include "whorl/inference_engine.h"

namespace whorl::guard {

// One batch. A text longer than the model's context is scored in windows that overlap by a quarter. The first
// token of a model without a beginning-of-sequence token has no score.
std::vector<std::vector<TokenScore>> score_texts(InferenceEngine& engine, const std::string& adapter,
                                                 const std::vector<std::string>& texts);

}  // namespace whorl::guard
