#pragma once
#include "ops/dropout.h"
#include "ops/reference/matrix.h"

namespace whorl::ops::reference {

template <class T>
struct LoraPart {
  int64_t begin = 0, end = 0;
  Matrix<T> a, b;  // [R, K], [O, R]; empty = base alone
  double scale = 0;
  float dropout = 0;
  uint64_t seed = 0;
  int64_t first_row = 0;
};

// y = x w^T + bias, and for the rows of each part scale * (D(x) a^T) b^T.
template <class T>
Matrix<T> linear(const Matrix<T>& x, const Matrix<T>& w, const Matrix<T>& bias,
                 const std::vector<LoraPart<T>>& parts) {
  Matrix<T> y(x.rows, w.rows);
  for (int64_t n = 0; n < x.rows; ++n)
    for (int64_t o = 0; o < w.rows; ++o) {
      T sum = bias.empty() ? T(0) : bias(0, o);
      for (int64_t k = 0; k < x.columns; ++k) sum += x(n, k) * w(o, k);
      y(n, o) = sum;
    }
  for (const auto& part : parts) {
    for (int64_t n = part.begin; n < part.end; ++n) {
      const DropoutRow mask(part.seed, part.first_row + n - part.begin, part.dropout);
      for (int64_t r = 0; r < part.a.rows; ++r) {
        T s(0);
        for (int64_t k = 0; k < x.columns; ++k)
          if (part.dropout == 0 || mask.keeps(k)) s += x(n, k) * part.a(r, k);
        s *= part.scale / (1.0 - static_cast<double>(part.dropout));
        for (int64_t o = 0; o < w.rows; ++o) y(n, o) += s * part.b(o, r);
      }
    }
  }
  return y;
}

}  // namespace whorl::ops::reference
