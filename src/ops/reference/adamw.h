#pragma once
#include <cmath>

#include "ops/backend.h"

namespace whorl::ops::reference {

// One number's update; m and v are its moments.
inline double adamw(double parameter, double gradient, double& m, double& v, const AdamW& o) {
  const double g = gradient * o.gradient_scale, step = static_cast<double>(o.step);
  m = o.beta1 * m + (1 - o.beta1) * g;
  v = o.beta2 * v + (1 - o.beta2) * g * g;
  const double mean = m / (1 - std::pow(o.beta1, step)),
               deviation = std::sqrt(v / (1 - std::pow(o.beta2, step)));
  return parameter - o.learning_rate * (mean / (deviation + o.epsilon) + o.weight_decay * parameter);
}

}  // namespace whorl::ops::reference
