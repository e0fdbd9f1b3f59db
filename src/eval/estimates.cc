#include "eval/estimates.h"

#include <cmath>
#include <map>

#include "base/check.h"
#include "eval/statistics.h"
#include "whorl/statistics.h"

namespace whorl {
namespace eval {

double normal_quantile(double p) {
  if (p > .5) return -normal_quantile(1 - p);
  double low = -40, high = 0;  // P(Z < -40) is below every double
  for (int step = 0; step < 120 && low < high; ++step) {
    const double middle = (low + high) / 2;
    if (middle == low || middle == high) break;
    (std::erfc(-middle / M_SQRT2) / 2 < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

double exact_mean(const std::vector<double>& values) {
  double sum = 0, rest = 0;  // Knuth's two-sum: nothing is lost
  for (const double x : values) {
    const double next = sum + x, back = next - sum;
    rest += (sum - (next - back)) + (x - back);
    sum = next;
  }
  return values.empty() ? 0 : (sum + rest) / static_cast<double>(values.size());
}

double sample_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = exact_mean(values);
  double squares = 0;
  for (const double x : values) squares += (x - mean) * (x - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

Score student(const std::vector<double>& values) {
  Score score;
  score.n = std::ssize(values);
  score.value = exact_mean(values);
  score.stderr_ = sample_deviation(values) / std::sqrt(static_cast<double>(score.n));
  const double half = score.n > 1 ? t_quantile(score.n - 1) * score.stderr_ : 0;
  score.ci_low = score.value - half;
  score.ci_high = score.value + half;
  score.method = score.n > 1 ? "Student's t" : "one row: no interval";
  return score;
}

void check_values(const char* operation, const std::vector<double>& values) {
  base::check_argument(!values.empty(), "[", operation, "] expected at least one row, got none");
  for (size_t i = 0; i < values.size(); ++i)
    base::check_argument(std::isfinite(values[i]), "[", operation, "] row ", i,
                         ": expected a finite number, got ", values[i]);
}

double fair_coins_at_most(int64_t k, int64_t n) {
  if (k >= n) return 1;
  if (2 * k >= n) return 1 - fair_coins_at_most(n - k - 1, n);
  const auto x = static_cast<double>(k), all = static_cast<double>(n);
  const double largest = std::lgamma(all + 1) - std::lgamma(x + 1) - std::lgamma(all - x + 1) - all * M_LN2;
  double term = 1, sum = 0;  // over the largest; each next one is smaller
  for (int64_t i = k; i >= 0 && term > sum * 1e-18; --i) {
    sum += term;
    term *= static_cast<double>(i) / static_cast<double>(n - i + 1);
  }
  return std::exp(largest) * sum;
}

}  // namespace eval

Score clustered(const std::vector<double>& values, const std::vector<std::string>& clusters) {
  eval::check_values("clustered", values);
  base::check_argument(values.size() == clusters.size(), "[clustered] expected a cluster for each of ",
                       values.size(), " rows, got ", clusters.size());
  Score score;
  score.n = std::ssize(values);
  score.value = eval::exact_mean(values);
  std::map<std::string, double> residuals;
  for (size_t i = 0; i < values.size(); ++i) residuals[clusters[i]] += values[i] - score.value;
  double squares = 0;
  for (const auto& [_, sum] : residuals) squares += sum * sum;
  const auto groups = static_cast<double>(residuals.size()), n = static_cast<double>(score.n);
  const bool several = residuals.size() > 1;
  score.stderr_ = several ? std::sqrt(groups / ((groups - 1) * n * n) * squares) : 0;
  const double half = several ? eval::t_quantile(std::ssize(residuals) - 1) * score.stderr_ : 0;
  score.ci_low = score.value - half;
  score.ci_high = score.value + half;
  score.method = several ? base::concat("clustered over ", residuals.size(), " groups, Student's t")
                         : "one cluster: no interval";
  return score;
}

Score pooled(const std::vector<Score>& groups) {
  Score out;
  double sum = 0, squares = 0;
  int64_t count = 0;
  for (const auto& group : groups) {
    if (group.n <= 0) continue;
    const auto n = static_cast<double>(group.n);
    base::check_argument(std::isfinite(group.value) && std::isfinite(group.stderr_),
                         "[pooled] expected finite scores, got ", group.value, " with standard error ",
                         group.stderr_);
    out.n += group.n;
    ++count;
    sum += group.value * n;
    squares += (n - 1) * group.stderr_ * group.stderr_ * n;
    out.errored += group.errored;
    out.unparsable += group.unparsable;
    out.refused += group.refused;
  }
  base::check_argument(count > 0, "[pooled] expected at least one group with rows, got none");
  const auto n = static_cast<double>(out.n);
  out.value = sum / n;
  out.stderr_ = out.n > count ? std::sqrt(squares / static_cast<double>(out.n - count) / n) : 0;
  out.ci_low = out.value - eval::kNormal95 * out.stderr_;
  out.ci_high = out.value + eval::kNormal95 * out.stderr_;
  out.method = base::concat("pooled over ", count, " groups, normal");
  return out;
}

double minimum_detectable_effect(double standard_error, const PowerOptions& options) {
  base::check_argument(standard_error >= 0 && std::isfinite(standard_error),
                       "[minimum_detectable_effect] expected a standard error of at least 0, got ",
                       standard_error);
  base::check_argument(options.alpha > 0 && options.alpha < 1 && options.power > 0 && options.power < 1,
                       "[minimum_detectable_effect] expected alpha and power between 0 and 1, got ",
                       options.alpha, " and ", options.power);
  const double level = options.two_sided ? options.alpha / 2 : options.alpha;
  return (eval::normal_quantile(1 - level) + eval::normal_quantile(options.power)) * standard_error;
}

double mcnemar_exact(int64_t b, int64_t c) {
  base::check_argument(b >= 0 && c >= 0, "[mcnemar_exact] expected counts of at least 0, got ", b, " and ",
                       c);
  return std::min(1.0, 2 * eval::fair_coins_at_most(std::min(b, c), b + c));
}

double sign_test(int64_t wins, int64_t losses) {
  base::check_argument(wins >= 0 && losses >= 0, "[sign_test] expected counts of at least 0, got ", wins,
                       " and ", losses);
  return eval::fair_coins_at_most(losses, wins + losses);
}

}  // namespace whorl
