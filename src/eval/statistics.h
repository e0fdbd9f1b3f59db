#pragma once
// What a handful of rows says about all rows.
#include <cstdint>
#include <string>
#include <vector>

#include "whorl/types.h"

namespace whorl::eval {

inline constexpr double kNormal95 = 1.959963984540054;  // 97.5 % quantile of the standard normal

// 97.5 % quantile of Student's t with `degrees` >= 1 degrees of freedom (Abramowitz and Stegun
// 1964, 26.7.3-26.7.4).
double t_quantile(int64_t degrees);

// One row's share of a ratio of sums, such as log-likelihood over tokens.
struct Share {
  double sum = 0;
  int64_t count = 0;
};
// exp(total sum / total count) with a percentile bootstrap over rows (Efron 1979): rows are drawn with
// replacement 1,000 times, from `seed`.
Score exponential_ratio(const std::vector<Share>& shares, uint64_t seed);

}  // namespace whorl::eval
