#pragma once
#include <cmath>

#include "ops/backend.h"
#include "ops/reference/matrix.h"

namespace whorl::ops::reference {

// Causal softmax attention within each sequence; `lse` [N, H] receives the log-sum-exp when not null.
template <class T>
Matrix<T> attention(const Matrix<T>& q, const Matrix<T>& k, const Matrix<T>& v,
                    std::span<const int32_t> starts, const AttentionShape& shape, Matrix<T>* lse = nullptr) {
  using std::exp, std::log;
  Matrix<T> out(q.rows, q.columns);
  const int64_t d = shape.head_size;
  for (size_t s = 0; s + 1 < starts.size(); ++s)
    for (int64_t n = starts[s]; n < starts[s + 1]; ++n)
      for (int64_t h = 0; h < shape.heads; ++h) {
        const int64_t g = h / (shape.heads / shape.kv_heads);
        int64_t first = starts[s];
        if (shape.window > 0 && n - shape.window + 1 > first) first = n - shape.window + 1;
        std::vector<T> scores;
        double most = -1e300;
        for (int64_t j = first; j <= n; ++j) {
          T dot(0);
          for (int64_t i = 0; i < d; ++i) dot += q(n, h * d + i) * k(j, g * d + i);
          scores.push_back(dot * static_cast<double>(shape.scale));
          if (real_part(scores.back()) > most) most = real_part(scores.back());
        }
        T sum(0);
        for (auto& score : scores) score = exp(score - most), sum += score;
        for (int64_t j = first; j <= n; ++j)
          for (int64_t i = 0; i < d; ++i)
            out(n, h * d + i) += scores[static_cast<size_t>(j - first)] / sum * v(j, g * d + i);
        if (lse) (*lse)(n, h) = log(sum) + most;
      }
  return out;
}

}  // namespace whorl::ops::reference
