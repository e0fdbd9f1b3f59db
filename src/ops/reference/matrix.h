#pragma once
// The slow version of every op, forward only: scalar, over the number type. With double it is the oracle of
// values; with std::complex<double> the imaginary part of f(x + ih) / h is the oracle of gradients, exact to
// rounding (Squire and Trapp 1998). It includes no backend and is never fast.
#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace whorl::ops::reference {

using Complex = std::complex<double>;

template <class T>
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<T> data;

  Matrix() = default;
  Matrix(int64_t r, int64_t c) : rows(r), columns(c), data(static_cast<size_t>(r * c)) {}

  // From another number type, e.g. double to complex.
  template <class U>
  explicit Matrix(const Matrix<U>& other)
      : rows(other.rows), columns(other.columns), data(other.data.begin(), other.data.end()) {}

  T& operator()(int64_t i, int64_t j) { return data[static_cast<size_t>(i * columns + j)]; }
  const T& operator()(int64_t i, int64_t j) const { return data[static_cast<size_t>(i * columns + j)]; }
  bool empty() const { return data.empty(); }
};

// Order by the real part: what a maximum means along a complex step.
inline double real_part(double x) { return x; }
inline double real_part(const Complex& x) { return x.real(); }

}  // namespace whorl::ops::reference
