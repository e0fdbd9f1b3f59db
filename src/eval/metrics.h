#pragma once
// What several metrics share.
#include <string>
#include <vector>

#include "whorl/types.h"

namespace whorl::eval {

inline constexpr const char* kPerplexity = "perplexity";

// exact_match without regard to letter case: "accuracy", of labels.
double label_match(const std::string& expected, const std::string& got);

// Calls as a JSON list of {name, arguments}; arguments that are not JSON stand as a string.
std::string calls_json(const std::vector<ToolCall>& calls);

}  // namespace whorl::eval
