#pragma once
// Norm, rotation, activation: one row at a time.
#include <cmath>
#include <span>

#include "ops/reference/matrix.h"

namespace whorl::ops::reference {

template <class T>
Matrix<T> rms_norm(const Matrix<T>& x, const Matrix<T>& gain, double epsilon, int64_t groups) {
  using std::sqrt;
  Matrix<T> y(x.rows, x.columns);
  const int64_t size = x.columns / groups;
  for (int64_t n = 0; n < x.rows; ++n)
    for (int64_t g = 0; g < groups; ++g) {
      T squares(0);
      for (int64_t c = 0; c < size; ++c) squares += x(n, g * size + c) * x(n, g * size + c);
      const T rstd = 1.0 / sqrt(squares / static_cast<double>(size) + epsilon);
      for (int64_t c = 0; c < size; ++c) y(n, g * size + c) = x(n, g * size + c) * rstd * gain(0, c);
    }
  return y;
}

// Pairs (i, i + D/2) turn by the angle whose cos and sin stand in table row `position`.
template <class T>
Matrix<T> rope(const Matrix<T>& x, std::span<const int32_t> positions, const Matrix<double>& table,
               int64_t head_size) {
  Matrix<T> y(x.rows, x.columns);
  const int64_t half = head_size / 2;
  for (int64_t n = 0; n < x.rows; ++n)
    for (int64_t h = 0; h < x.columns; h += head_size)
      for (int64_t i = 0; i < half; ++i) {
        const double cos = table(positions[static_cast<size_t>(n)], i),
                     sin = table(positions[static_cast<size_t>(n)], half + i);
        const T a = x(n, h + i), b = x(n, h + half + i);
        y(n, h + i) = a * cos - b * sin;
        y(n, h + half + i) = b * cos + a * sin;
      }
  return y;
}

template <class T>
Matrix<T> swiglu(const Matrix<T>& gate, const Matrix<T>& up) {
  using std::exp;
  Matrix<T> h(gate.rows, gate.columns);
  for (size_t i = 0; i < h.data.size(); ++i)
    h.data[i] = gate.data[i] / (1.0 + exp(-gate.data[i])) * up.data[i];
  return h;
}

}  // namespace whorl::ops::reference
