#pragma once
// The metrics by name.
#include <string>
#include <vector>

#include "whorl/evaluator.h"

namespace whorl::eval {

inline constexpr const char* kPerplexity = "perplexity";

// exact_match without regard to letter case: "accuracy", of labels.
double label_match(const std::string& expected, const std::string& got);

// std::invalid_argument for none, an unknown one (with the nearest name), or one twice.
void check_metrics(const std::vector<std::string>& names);

// One row's value of a metric that compares what was expected with what was generated.
double score_row(const std::string& metric, const Message& expected, const GenerateResult& got);

// Calls as a JSON list of {name, arguments}; arguments that are not JSON stand as a string.
std::string calls_json(const std::vector<ToolCall>& calls);

}  // namespace whorl::eval
