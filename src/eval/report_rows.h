#pragma once
// Sample rows of a report: those that tell results apart, wrong ones, right ones.
#include <string>
#include <vector>

#include "whorl/evaluator.h"

namespace whorl::eval {

std::string rows_part(const std::vector<EvaluateResult>& results);

// Row numbers to show, at most 16, by the named metric: rows on which results differ, rows without a usable
// answer, low ones and high ones, each in the order of the data.
struct Sample {
  std::vector<size_t> differ, unusable, low, high;
};
Sample sample_rows(const std::vector<EvaluateResult>& results, const std::string& metric);

}  // namespace whorl::eval
