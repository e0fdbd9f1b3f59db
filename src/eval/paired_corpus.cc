// sacrebleu's tests of two systems on the same rows.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "eval/generators.h"
#include "eval/numpy_sum.h"
#include "eval/resampled_corpus.h"
#include "whorl/statistics.h"

namespace whorl {
namespace {

using Counts = std::vector<std::vector<double>>;

void check_pair(const char* operation, const CorpusMetric& metric, const Counts& baseline,
                const Counts& candidate) {
  eval::check_counts(operation, metric, baseline);
  eval::check_counts(operation, metric, candidate);
  base::check_argument(baseline.size() == candidate.size(), "[", operation,
                       "] expected as many rows on both sides, got ", baseline.size(), " and ",
                       candidate.size());
}

double p_value(int64_t larger, int64_t trials) {
  return static_cast<double>(larger + 1) / static_cast<double>(trials + 1);
}

// How often |candidate - baseline| of a resample, less the mean of that over all, is above the true
// difference; and the mean and half the interval of the candidate. In T, as numpy would.
template <class T>
int64_t bootstrap_tail(const std::vector<double>& baseline, const std::vector<double>& candidate,
                       double difference, PairedCorpusTest& out) {
  std::vector<T> gaps, scores(candidate.begin(), candidate.end());
  for (size_t i = 0; i < scores.size(); ++i)
    gaps.push_back(std::abs(scores[i] - static_cast<T>(baseline[i])));
  const auto n = static_cast<T>(gaps.size());
  const T mean_gap = eval::numpy_sum(gaps.data(), gaps.size()) / n;
  std::sort(scores.begin(), scores.end());
  out.mean = eval::numpy_sum(scores.data(), scores.size()) / n;
  const size_t cut = scores.size() / 40;
  out.half_width = static_cast<T>(.5) * (scores[scores.size() - 1 - cut] - scores[cut]);
  return std::count_if(gaps.begin(), gaps.end(),
                       [&](T gap) { return gap - mean_gap > static_cast<T>(difference); });
}

}  // namespace

PairedCorpusTest paired_bootstrap(const CorpusMetric& metric, const Counts& baseline, const Counts& candidate,
                                  int64_t resamples, uint64_t seed) {
  check_pair("paired_bootstrap", metric, baseline, candidate);
  PairedCorpusTest out;
  out.baseline = eval::corpus_score(metric, baseline);
  out.candidate = eval::corpus_score(metric, candidate);
  const auto draws = eval::make_resampler("pcg64", seed, std::ssize(baseline), resamples);
  eval::SingleCounts first(metric, baseline), second(metric, candidate);
  std::vector<double> a, b;
  std::vector<int64_t> rows(baseline.size());
  for (int64_t i = 0; i < resamples; ++i) {
    draws->draw(rows);
    a.push_back(first.score(rows));
    b.push_back(second.score(rows));
  }
  const double difference = std::abs(out.baseline - out.candidate);
  const int64_t larger = metric.impl().stays_single() ? bootstrap_tail<float>(a, b, difference, out)
                                                      : bootstrap_tail<double>(a, b, difference, out);
  out.p = p_value(larger, resamples);
  out.method = base::concat("paired bootstrap, ", resamples, " resamples, pcg64, seed ", seed);
  return out;
}

PairedCorpusTest approximate_randomization(const CorpusMetric& metric, const Counts& baseline,
                                           const Counts& candidate, int64_t trials, uint64_t seed) {
  check_pair("approximate_randomization", metric, baseline, candidate);
  base::check_argument(trials >= 1, "[approximate_randomization] expected at least one trial, got ", trials);
  PairedCorpusTest out;
  out.baseline = eval::corpus_score(metric, baseline);
  out.candidate = eval::corpus_score(metric, candidate);
  const double difference = std::abs(out.baseline - out.candidate);
  eval::Pcg64 random(seed);
  const size_t width = metric.impl().width();
  std::vector<double> kept(width), swapped(width);
  int64_t larger = 0;
  for (int64_t t = 0; t < trials; ++t) {
    std::fill(kept.begin(), kept.end(), 0.0);
    std::fill(swapped.begin(), swapped.end(), 0.0);
    for (size_t row = 0; row < baseline.size(); ++row) {
      const bool keep = random.next_bit();
      const auto& a = keep ? baseline[row] : candidate[row];
      const auto& b = keep ? candidate[row] : baseline[row];
      for (size_t i = 0; i < width; ++i) {
        kept[i] += a[i];
        swapped[i] += b[i];
      }
    }
    larger += std::abs(metric.impl().score(kept) - metric.impl().score(swapped)) > difference;
  }
  out.p = p_value(larger, trials);
  out.method = base::concat("approximate randomization, ", trials, " trials, pcg64, seed ", seed);
  return out;
}

}  // namespace whorl
