#include "eval/statistics.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/random.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace eval {
namespace {

constexpr int kResamples = 1000;

// P(|T| <= t): finite sums over the powers of cos(theta), theta = atan(t / sqrt(degrees)).
double central_probability(double t, int64_t degrees) {
  const double theta = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double c = std::cos(theta), s = std::sin(theta);
  double term = degrees % 2 ? c : 1, sum = degrees == 1 ? 0 : term;
  for (int64_t k = degrees % 2 ? 3 : 2; k < degrees; k += 2) {
    term *= c * c * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  return degrees % 2 ? 2 / M_PI * (theta + s * sum) : s * sum;
}

// Wilson 1927: the shares p for which the observed one lies within the normal approximation.
void add_wilson(Score& score) {
  const double n = static_cast<double>(score.n), z2 = kNormal95 * kNormal95;
  const double centre = (score.value + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kNormal95 / (1 + z2 / n) * std::sqrt(score.value * (1 - score.value) / n + z2 / (4 * n * n));
  // Rounding may leave an end just outside 0 or 1, or a share of 0 just outside its own interval.
  score.ci_low = std::clamp(centre - half, 0.0, score.value);
  score.ci_high = std::clamp(centre + half, score.value, 1.0);
  score.method = "Wilson";
}

}  // namespace

double t_quantile(int64_t degrees) {
  if (degrees > 100'000) return kNormal95;
  double low = 0, high = 13;  // 12.706 with one degree of freedom
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (central_probability(middle, degrees) < .95 ? low : high) = middle;
  }
  return (low + high) / 2;
}

Score exponential_ratio(const std::vector<Share>& shares, uint64_t seed) {
  auto ratio = [](double sum, int64_t count) { return std::exp(sum / static_cast<double>(count)); };
  Share all;
  for (const auto& share : shares) all = {all.sum + share.sum, all.count + share.count};
  Score score;
  score.n = std::ssize(shares);
  score.value = ratio(all.sum, all.count);
  std::vector<double> drawn;
  double mean = 0, squares = 0;
  for (uint64_t b = 0; b < kResamples; ++b) {
    Share total;
    const uint64_t key = base::derive(seed, b);
    for (uint64_t i = 0; i < shares.size(); ++i) {
      const auto& share = shares[base::below(key, i, shares.size())];
      total = {total.sum + share.sum, total.count + share.count};
    }
    drawn.push_back(ratio(total.sum, total.count));
    mean += drawn.back() / kResamples;
  }
  for (const double x : drawn) squares += (x - mean) * (x - mean);
  std::sort(drawn.begin(), drawn.end());
  score.stderr_ = std::sqrt(squares / (kResamples - 1));
  score.ci_low = drawn[kResamples / 40];
  score.ci_high = drawn[kResamples - 1 - kResamples / 40];
  score.method = base::concat("bootstrap over rows, ", kResamples, " resamples, seed ", seed);
  return score;
}

}  // namespace eval

Score summarize(const std::vector<double>& values) {
  Score score;
  score.n = std::ssize(values);
  if (values.empty()) {
    score.method = "no rows";
    return score;
  }
  double sum = 0, squares = 0;
  for (const double x : values) sum += x;
  const double n = static_cast<double>(score.n), mean = sum / n;
  for (const double x : values) squares += (x - mean) * (x - mean);
  score.value = mean;
  score.stderr_ = score.n > 1 ? std::sqrt(squares / (n - 1) / n) : 0;  // sample deviation / sqrt(n)
  if (std::all_of(values.begin(), values.end(), [](double x) { return x == 0 || x == 1; })) {
    eval::add_wilson(score);
    return score;
  }
  const double half = score.n > 1 ? eval::t_quantile(score.n - 1) * score.stderr_ : 0;
  score.ci_low = mean - half;
  score.ci_high = mean + half;
  score.method = score.n > 1 ? "Student's t" : "one row: no interval";
  return score;
}

}  // namespace whorl
