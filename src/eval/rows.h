#pragma once
// From rows of a data set to what the engine is asked.
#include <string>
#include <vector>

#include "eval/ask.h"
#include "eval/statistics.h"
#include "whorl/evaluator.h"

namespace whorl::eval {

// A row as a question and its answer: the last assistant message (or the completion) and what stands before
// it.
struct RowQuestion {
  GenerateRequest request;
  Message expected;
};
// std::invalid_argument naming the row's source when it has no answer.
RowQuestion question_of(const Row& row, const SamplingOptions& sampling);

// A row's trained tokens and their -log p, or why they cannot be scored.
struct TokenShare {
  Share share;
  std::string error = {};
};
// Every row under one adapter; `rows` of them from the first on.
std::vector<TokenShare> score_tokens(InferenceEngine& engine, const Dataset& data, int64_t rows,
                                     const Contestant& who, AnswerCache& cache, const Pace& pace);

}  // namespace whorl::eval
