// 1 - C(n-c, k) / C(n, k). Both products are whole numbers of any size; their ratio is rounded once.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "whorl/metrics.h"

namespace whorl {
namespace {

// A natural number in digits of 32 bits, lowest first, without leading zeros.
using Natural = std::vector<uint32_t>;

void multiply(Natural& x, uint32_t by) {
  uint64_t carry = 0;
  for (uint32_t& digit : x) {
    carry += uint64_t{digit} * by;
    digit = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  if (carry > 0) x.push_back(static_cast<uint32_t>(carry));
}

bool less(const Natural& a, const Natural& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

// a - b for a >= b.
void subtract(Natural& a, const Natural& b) {
  int64_t borrow = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const int64_t left = int64_t{a[i]} - (i < b.size() ? b[i] : 0) - borrow;
    borrow = left < 0;
    a[i] = static_cast<uint32_t>(left);
  }
  while (!a.empty() && a.back() == 0) a.pop_back();
}

// a / b in (0, 1], to the nearest double, ties to even. Digits of the quotient come one bit at a time.
double ratio(Natural a, const Natural& b) {
  int exponent = 0;
  while (less(a, b)) multiply(a, 2), --exponent;
  uint64_t quotient = 0;
  for (int bit = 0; bit < 54; ++bit) {  // 53 bits and one to round by
    quotient <<= 1;
    if (!less(a, b)) {
      subtract(a, b);
      quotient |= 1;
    }
    multiply(a, 2);
    while (!a.empty() && a.back() == 0) a.pop_back();
  }
  const bool half = quotient & 1, odd = quotient & 2;
  quotient = (quotient >> 1) + (half && (odd || !a.empty()));
  return std::ldexp(static_cast<double>(quotient), exponent - 52);
}

}  // namespace

double pass_at_k(int64_t n, int64_t c, int64_t k) {
  base::check_argument(n >= 1 && n <= 1'000'000, "[pass_at_k] expected n of 1 to 1,000,000 samples, got ", n);
  base::check_argument(c >= 0 && c <= n, "[pass_at_k] expected 0 to ", n, " right samples, got ", c);
  base::check_argument(k >= 1 && k <= n, "[pass_at_k] expected k of 1 to n = ", n, ", got ", k);
  if (n - c < k) return 1;
  // Over 2^2000 of difference the ratio is 0 to any double; large k and c need no large numbers.
  if (c == 0) return 0;
  const int64_t draws = std::min(k, c);  // C(n-c, k) / C(n, k) is the same with k and c exchanged
  const int64_t other = k + c - draws;
  Natural wrong = {1}, all = {1};
  double logarithm = 0;
  for (int64_t i = 0; i < draws; ++i) {
    logarithm += std::log2(static_cast<double>(n - other - i)) - std::log2(static_cast<double>(n - i));
    if (logarithm < -1100) return 1;
    multiply(wrong, static_cast<uint32_t>(n - other - i));
    multiply(all, static_cast<uint32_t>(n - i));
  }
  return 1 - ratio(wrong, all);
}

}  // namespace whorl
