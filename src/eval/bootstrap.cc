#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "eval/corpus_metric.h"
#include "eval/estimates.h"
#include "eval/generators.h"
#include "eval/resampled_corpus.h"
#include "whorl/statistics.h"

namespace whorl {
namespace {

std::string method_of(const BootstrapOptions& options) {
  const bool seeded = options.generator != "mt19937";
  return base::concat("bootstrap over rows, ", options.resamples, " resamples, ", options.generator,
                      seeded ? base::concat(", seed ", options.seed) : ", seeded by chunk", ", percentile");
}

BootstrapResult result_of(double value, int64_t rows, std::vector<double> resampled,
                          const BootstrapOptions& options) {
  BootstrapResult out;
  out.score.value = value;
  out.score.n = rows;
  out.score.stderr_ = eval::sample_deviation(resampled);
  const auto interval = eval::percentile_interval(resampled);
  out.score.ci_low = interval.low;
  out.score.ci_high = interval.high;
  out.score.method = method_of(options);
  out.mean = eval::exact_mean(resampled);
  out.half_width = .5 * (interval.high - interval.low);
  out.resampled = std::move(resampled);
  return out;
}

}  // namespace

namespace eval {

Interval percentile_interval(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t cut = values.size() / 40;
  return {values[cut], values[values.size() - 1 - cut]};
}

void check_counts(const char* operation, const CorpusMetric& metric,
                  const std::vector<std::vector<double>>& counts) {
  base::check_argument(!counts.empty(), "[", operation, "] expected at least one row, got none");
  for (size_t row = 0; row < counts.size(); ++row)
    base::check_argument(counts[row].size() == metric.impl().width(), "[", operation, "] row ", row,
                         ": expected ", metric.impl().width(), " counts of ", metric.name(), ", got ",
                         counts[row].size());
}

double corpus_score(const CorpusMetric& metric, const std::vector<std::vector<double>>& counts) {
  std::vector<double> sum(metric.impl().width(), 0.0);
  for (const auto& row : counts)
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += row[i];
  return metric.impl().score(sum);
}

SingleCounts::SingleCounts(const CorpusMetric& metric, const std::vector<std::vector<double>>& counts)
    : metric_(metric.impl()), sum_(metric_.width()) {
  for (const auto& row : counts)
    for (const double x : row) counts_.push_back(static_cast<float>(x));
}

double SingleCounts::score(const std::vector<int64_t>& rows) {
  std::fill(sum_.begin(), sum_.end(), 0.0f);
  for (const int64_t row : rows) {
    const float* counts = counts_.data() + static_cast<size_t>(row) * sum_.size();
    for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += counts[i];
  }
  return metric_.score32(sum_);
}

}  // namespace eval

BootstrapResult bootstrap(int64_t rows, const std::function<double(const std::vector<int64_t>&)>& statistic,
                          const BootstrapOptions& options) {
  base::check_argument(static_cast<bool>(statistic), "[bootstrap] expected a statistic, got none");
  const auto draws = eval::make_resampler(options.generator, options.seed, rows, options.resamples);
  std::vector<int64_t> drawn(static_cast<size_t>(rows));
  for (size_t i = 0; i < drawn.size(); ++i) drawn[i] = static_cast<int64_t>(i);
  const double value = statistic(drawn);
  std::vector<double> resampled;
  for (int64_t b = 0; b < options.resamples; ++b) {
    draws->draw(drawn);
    resampled.push_back(statistic(drawn));
    base::check_argument(std::isfinite(resampled.back()), "[bootstrap] resample ", b,
                         ": expected the statistic to be finite, got ", resampled.back());
  }
  return result_of(value, rows, std::move(resampled), options);
}

BootstrapResult bootstrap_mean(const std::vector<double>& values, const BootstrapOptions& options) {
  eval::check_values("bootstrap_mean", values);
  return bootstrap(
      std::ssize(values),
      [&](const std::vector<int64_t>& rows) {
        double sum = 0;
        for (const int64_t row : rows) sum += values[static_cast<size_t>(row)];
        return sum / static_cast<double>(rows.size());
      },
      options);
}

BootstrapResult bootstrap(const CorpusMetric& metric, const std::vector<std::vector<double>>& counts,
                          const BootstrapOptions& options) {
  eval::check_counts("bootstrap", metric, counts);
  const bool single = options.generator == "pcg64";
  eval::SingleCounts singles(metric, counts);
  std::vector<double> sum(metric.impl().width());
  auto statistic = [&](const std::vector<int64_t>& rows) {
    if (single) return singles.score(rows);
    std::fill(sum.begin(), sum.end(), 0.0);
    for (const int64_t row : rows)
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += counts[static_cast<size_t>(row)][i];
    return metric.impl().score(sum);
  };
  BootstrapResult out = bootstrap(std::ssize(counts), statistic, options);
  out.score.value = eval::corpus_score(metric, counts);
  if (single && metric.impl().stays_single()) {
    const auto low = static_cast<float>(out.score.ci_low), high = static_cast<float>(out.score.ci_high);
    out.half_width = .5f * (high - low);
    out.mean = static_cast<float>(out.mean);
  }
  return out;
}

}  // namespace whorl
