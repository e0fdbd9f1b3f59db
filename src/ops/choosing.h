#pragma once
// What Backend does with a row of logits on the host unless it knows better.
#include <cmath>
#include <span>

#include "ops/draw.h"

namespace whorl::ops {

inline void exp_weights(std::span<const float> logits, float largest, float temperature,
                        std::span<float> weights) {
  for (size_t i = 0; i < logits.size(); ++i) weights[i] = exp_weight((logits[i] - largest) / temperature);
}

inline double sum_exp(std::span<const float> logits, float largest) {
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - static_cast<double>(largest));
  return sum;
}

}  // namespace whorl::ops
