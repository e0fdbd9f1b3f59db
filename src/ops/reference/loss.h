#pragma once
#include <cmath>
#include <span>

#include "ops/reference/matrix.h"

namespace whorl::ops::reference {

// -log softmax(h w^T)[target] per row; 0 for rows whose target is negative.
template <class T>
std::vector<T> cross_entropy(const Matrix<T>& h, const Matrix<T>& head, std::span<const int32_t> targets) {
  using std::exp, std::log;
  std::vector<T> losses(static_cast<size_t>(h.rows), T(0));
  for (int64_t n = 0; n < h.rows; ++n) {
    const int32_t target = targets[static_cast<size_t>(n)];
    if (target < 0) continue;
    std::vector<T> logits;
    double most = -1e300;
    for (int64_t v = 0; v < head.rows; ++v) {
      T dot(0);
      for (int64_t c = 0; c < h.columns; ++c) dot += h(n, c) * head(v, c);
      logits.push_back(dot);
      if (real_part(dot) > most) most = real_part(dot);
    }
    T sum(0);
    for (const auto& logit : logits) sum += exp(logit - most);
    losses[static_cast<size_t>(n)] = log(sum) + most - logits[static_cast<size_t>(target)];
  }
  return losses;
}

}  // namespace whorl::ops::reference
