#pragma once
// Sums in the order in which numpy adds, so that means agree to the bit: eight running sums within blocks of
// at most 128, blocks added in pairs.
#include <cstddef>

namespace whorl::eval {

template <class T>
T numpy_sum(const T* x, size_t n) {
  if (n < 8) {
    T sum = 0;
    for (size_t i = 0; i < n; ++i) sum += x[i];
    return sum;
  }
  if (n > 128) {
    const size_t half = n / 2 - n / 2 % 8;
    return numpy_sum(x, half) + numpy_sum(x + half, n - half);
  }
  T r[8];
  for (size_t k = 0; k < 8; ++k) r[k] = x[k];
  size_t i = 8;
  for (; i + 8 <= n; i += 8)
    for (size_t k = 0; k < 8; ++k) r[k] += x[i + k];
  T sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
  for (; i < n; ++i) sum += x[i];
  return sum;
}

}  // namespace whorl::eval
