#pragma once
// From rows of a data set to what the engine is asked.
#include <optional>
#include <vector>

#include "eval/statistics.h"
#include "whorl/evaluator.h"

namespace whorl::eval {

// A row as a question and its answer: the last assistant message (or the completion) and what stands before
// it.
struct Question {
  GenerateRequest request;
  Message expected;
};
// std::invalid_argument naming the row's source when it has no answer.
Question question_of(const Row& row, const SamplingOptions& sampling);

// The trained tokens of each row under each adapter, scored in one batch: shares[adapter][row] sums -log p.
std::vector<std::vector<Share>> score_tokens(InferenceEngine& engine, const Dataset& data,
                                             const std::vector<std::string>& adapters);

}  // namespace whorl::eval
