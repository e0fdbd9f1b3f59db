#pragma once
// Small pieces of arithmetic that several statistics share.
#include <cstdint>
#include <vector>

#include "whorl/types.h"

namespace whorl::eval {

// Quantile of the standard normal, 0 < p < 1.
double normal_quantile(double p);

// Sum with 106 bits behind it: rounded once, whatever the order.
double exact_mean(const std::vector<double>& values);
double sample_deviation(const std::vector<double>& values);  // n - 1 below; 0 for one value

// Mean, standard error and Student's interval, whatever the values are.
Score student(const std::vector<double>& values);

// std::invalid_argument naming the operation and the row of a value that is no number.
void check_values(const char* operation, const std::vector<double>& values);

// P(X <= k) of n fair coins.
double fair_coins_at_most(int64_t k, int64_t n);

}  // namespace whorl::eval
