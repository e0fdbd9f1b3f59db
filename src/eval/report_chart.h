#pragma once
// Points with their intervals, as an inline picture.
#include <string>
#include <vector>

#include "whorl/types.h"

namespace whorl::eval {

struct Interval {
  std::string label;
  Score score;
};
// One line per interval over a shared axis. Labels are escaped here.
std::string interval_chart(const std::vector<Interval>& intervals);

// "0.412", "97.3", "1.2e-05": three digits that matter.
std::string short_number(double value);

}  // namespace whorl::eval
