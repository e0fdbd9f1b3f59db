// Two models on the same rows.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "base/random.h"
#include "eval/estimates.h"
#include "eval/resampled_corpus.h"
#include "whorl/evaluator.h"
#include "whorl/statistics.h"

namespace whorl {
namespace {

using Values = std::vector<double>;
constexpr size_t kMostExact = 20;  // 2^20 sign patterns are gone through

// What is flipped or drawn as one: a row, or a cluster of rows.
struct Unit {
  double sum = 0;
  double rows = 0;
};

std::vector<Unit> units_of(const Values& differences, const std::vector<std::string>& clusters) {
  std::vector<Unit> out;
  if (clusters.empty()) {
    for (const double d : differences) out.push_back({d, 1});
    return out;
  }
  std::map<std::string, Unit> by_name;
  for (size_t i = 0; i < differences.size(); ++i) {
    auto& unit = by_name[clusters[i]];
    unit.sum += differences[i];
    unit.rows += 1;
  }
  for (const auto& [_, unit] : by_name) out.push_back(unit);
  return out;
}

// Rounding must not tell two equal sums apart.
bool as_large(double sum, double observed, double scale) { return std::abs(sum) >= observed - 1e-12 * scale; }

double exact_flips(const Values& sums, double observed, double scale) {
  int64_t large = 0;
  const uint64_t patterns = uint64_t{1} << sums.size();
  for (uint64_t pattern = 0; pattern < patterns; ++pattern) {
    double sum = 0;
    for (size_t i = 0; i < sums.size(); ++i) sum += pattern >> i & 1 ? -sums[i] : sums[i];
    large += as_large(sum, observed, scale);
  }
  return static_cast<double>(large) / static_cast<double>(patterns);
}

double drawn_flips(const Values& sums, double observed, double scale, const PairedOptions& options) {
  int64_t large = 0;
  for (int64_t p = 0; p < options.permutations; ++p) {
    const uint64_t key = base::derive(base::derive(options.seed, 1), static_cast<uint64_t>(p));
    double sum = 0;
    uint64_t bits = 0;
    for (size_t i = 0; i < sums.size(); ++i) {
      if (i % 64 == 0) bits = base::random_bits(key, i / 64);
      sum += bits >> (i % 64) & 1 ? -sums[i] : sums[i];
    }
    large += as_large(sum, observed, scale);
  }
  return static_cast<double>(large + 1) / static_cast<double>(options.permutations + 1);
}

void add_permutation(const std::vector<Unit>& units, const PairedOptions& options, PairedComparison& out) {
  Values sums;  // what is 0 stays 0 either way
  double total = 0, scale = 0;
  for (const auto& unit : units) {
    if (unit.sum == 0) continue;
    sums.push_back(unit.sum);
    total += unit.sum;
    scale += std::abs(unit.sum);
  }
  const bool alike =
      std::all_of(sums.begin(), sums.end(), [&](double x) { return std::abs(x) == std::abs(sums[0]); });
  if (alike) {  // then flips are coins, and all outcomes are known
    const auto ups = std::count_if(sums.begin(), sums.end(), [](double x) { return x > 0; });
    out.permutation_p = mcnemar_exact(ups, std::ssize(sums) - ups);
    out.permutation_exact = true;
    return;
  }
  out.permutation_exact = sums.size() <= kMostExact;
  out.permutation_p = out.permutation_exact ? exact_flips(sums, std::abs(total), scale)
                                            : drawn_flips(sums, std::abs(total), scale, options);
}

void add_bootstrap(const std::vector<Unit>& units, const PairedOptions& options, PairedComparison& out) {
  out.bootstrap_low = out.bootstrap_high = out.difference.value;
  if (options.resamples == 0) return;
  Values means;
  int64_t below = 0, above = 0;
  for (int64_t b = 0; b < options.resamples; ++b) {
    const uint64_t key = base::derive(base::derive(options.seed, 2), static_cast<uint64_t>(b));
    Unit drawn;
    for (uint64_t i = 0; i < units.size(); ++i) {
      const Unit& unit = units[base::below(key, i, units.size())];
      drawn = {drawn.sum + unit.sum, drawn.rows + unit.rows};
    }
    means.push_back(drawn.sum / drawn.rows);
    below += means.back() <= 0;
    above += means.back() >= 0;
  }
  const auto interval = eval::percentile_interval(means);
  out.bootstrap_low = interval.low;
  out.bootstrap_high = interval.high;
  out.bootstrap_p = std::min(
      1.0, 2 * static_cast<double>(std::min(below, above) + 1) / static_cast<double>(options.resamples + 1));
}

double correlation(const Values& a, const Values& b) {
  const double mean_a = eval::exact_mean(a), mean_b = eval::exact_mean(b);
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa * bb);
}

bool all_zero_or_one(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return x == 0 || x == 1; });
}

void check(const Values& baseline, const Values& candidate, const PairedOptions& options) {
  eval::check_values("compare_paired", baseline);
  eval::check_values("compare_paired", candidate);
  base::check_argument(baseline.size() == candidate.size(),
                       "[compare_paired] expected as many rows on both sides, got ", baseline.size(), " and ",
                       candidate.size(), "; compare by row id where rows are missing");
  base::check_argument(options.clusters.empty() || options.clusters.size() == baseline.size(),
                       "[compare_paired] expected a cluster for each of ", baseline.size(), " rows, got ",
                       options.clusters.size());
  base::check_argument(options.permutations >= 1, "[compare_paired] expected at least one permutation, got ",
                       options.permutations);
  base::check_argument(options.resamples >= 0, "[compare_paired] expected at least 0 resamples, got ",
                       options.resamples);
}

std::string method_of(const PairedOptions& options, const PairedComparison& result) {
  const std::string unit = options.clusters.empty() ? "row" : "cluster";
  return base::concat("paired by row, ", result.difference.method, "; sign flips by ", unit, ", ",
                      result.permutation_exact ? "exact" : base::concat(options.permutations, " drawn"),
                      "; percentile bootstrap by ", unit, ", ", options.resamples, " resamples; seed ",
                      options.seed);
}

base::Json plain(const Score& score) {
  return {{"value", score.value},   {"stderr", score.stderr_},
          {"ci_low", score.ci_low}, {"ci_high", score.ci_high},
          {"n", score.n},           {"method", score.method}};
}

}  // namespace

PairedComparison compare_paired(const Values& baseline, const Values& candidate,
                                const PairedOptions& options) {
  check(baseline, candidate, options);
  PairedComparison out;
  Values differences;
  for (size_t i = 0; i < baseline.size(); ++i) {
    differences.push_back(candidate[i] - baseline[i]);
    ++(differences[i] > 0 ? out.wins : differences[i] < 0 ? out.losses : out.ties);
  }
  const bool by_row = options.clusters.empty();
  out.baseline = by_row ? summarize(baseline) : clustered(baseline, options.clusters);
  out.candidate = by_row ? summarize(candidate) : clustered(candidate, options.clusters);
  out.difference = by_row ? eval::student(differences) : clustered(differences, options.clusters);
  out.correlation = correlation(baseline, candidate);
  if (by_row && all_zero_or_one(baseline) && all_zero_or_one(candidate))
    out.mcnemar_p = mcnemar_exact(out.wins, out.losses);
  const auto units = units_of(differences, options.clusters);
  add_permutation(units, options, out);
  add_bootstrap(units, options, out);
  out.minimum_detectable_effect = minimum_detectable_effect(out.difference.stderr_);
  out.method = method_of(options, out);
  return out;
}

PairedComparison compare_paired(const std::map<std::string, double>& baseline,
                                const std::map<std::string, double>& candidate,
                                const PairedOptions& options) {
  base::check_argument(
      options.clusters.empty(),
      "[compare_paired] clusters go by position; give values in the same order instead of by id");
  Values first, second;
  for (const auto& [id, value] : baseline) {
    const auto found = candidate.find(id);
    if (found == candidate.end()) continue;
    first.push_back(value);
    second.push_back(found->second);
  }
  base::check_argument(!first.empty(), "[compare_paired] the two sides have no row id in common (",
                       baseline.size(), " and ", candidate.size(), " rows)");
  PairedComparison out = compare_paired(first, second, options);
  out.unmatched = std::ssize(baseline) + std::ssize(candidate) - 2 * std::ssize(first);
  return out;
}

std::string PairedComparison::to_json() const {
  base::Json out = {{"baseline", plain(baseline)},
                    {"candidate", plain(candidate)},
                    {"difference", plain(difference)},
                    {"wins", wins},
                    {"losses", losses},
                    {"ties", ties},
                    {"correlation", correlation},
                    {"mcnemar_p", mcnemar_p ? base::Json(*mcnemar_p) : base::Json()},
                    {"permutation_p", permutation_p},
                    {"permutation_exact", permutation_exact},
                    {"bootstrap_low", bootstrap_low},
                    {"bootstrap_high", bootstrap_high},
                    {"bootstrap_p", bootstrap_p},
                    {"minimum_detectable_effect", minimum_detectable_effect},
                    {"unmatched", unmatched},
                    {"method", method}};
  return out.dump(2, ' ', false, base::Json::error_handler_t::replace);
}

}  // namespace whorl
