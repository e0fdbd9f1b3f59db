#pragma once
// What a handful of rows says about all rows, and about the difference of two models. Every random draw comes
// from a named generator and a seed that stands in the result's method. Pure calls; any thread.
#include <whorl/metrics.h>
#include <whorl/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

// ---- one list of values ----------------------------------------------------------------------------------

// Mean with a standard error that allows rows of one cluster (questions about one text, samples of one
// question) to go together: sqrt(G/(G-1) * sum over clusters of (sum of residuals)²) / n (Miller 2024,
// arXiv:2411.00640); the interval is Student's t with G-1 degrees of freedom. clusters[i] names row i's.
WHORL_API Score clustered(const std::vector<double>& values, const std::vector<std::string>& clusters);

// Groups of rows as one: values weighted by n, pooled standard error as lm-evaluation-harness reports for
// groups of tasks; the interval is normal. Groups without rows take no part.
WHORL_API Score pooled(const std::vector<Score>& groups);

// Value that a score may differ by and still, with probability 1 - power, go unnoticed at level alpha:
// (z(1 - alpha/2) + z(power)) * standard_error; one-sided takes z(1 - alpha). 2.802 standard errors as it
// stands, 2.486 one-sided.
struct PowerOptions {
  double alpha = .05;
  double power = .8;
  bool two_sided = true;
};
WHORL_API double minimum_detectable_effect(double standard_error, const PowerOptions& options = {});

// ---- bootstrap -------------------------------------------------------------------------------------------

struct BootstrapOptions {
  int64_t resamples = 1000;
  uint64_t seed = 12345;
  // "counter": Whorl's own, the same on every machine. "pcg64": numpy.random.default_rng(seed).choice, as
  // sacrebleu draws. "mt19937": Python's random.Random(chunk).choices in chunks of 1,000, as
  // lm-evaluation-harness draws (the chunk's number is the seed, `seed` is not used).
  std::string generator = "counter";
};
struct BootstrapResult {
  Score score;            // value of all rows; standard error and percentile interval of the resamples
  double mean = 0;        // of the resamples
  double half_width = 0;  // of the interval, as sacrebleu prints it
  std::vector<double> resampled;  // in the order drawn
};
// `statistic` gets `rows` row numbers drawn with replacement. It is called in order on this thread.
WHORL_API BootstrapResult bootstrap(int64_t rows,
                                    const std::function<double(const std::vector<int64_t>&)>& statistic,
                                    const BootstrapOptions& options = {});
WHORL_API BootstrapResult bootstrap_mean(const std::vector<double>& values,
                                         const BootstrapOptions& options = {});
// counts[row] of CorpusMetric::counts. With "pcg64" value for value sacrebleu's interval under numpy 2:
// resampled counts are added in single precision, and chrF and TER stay there.
WHORL_API BootstrapResult bootstrap(const CorpusMetric& metric,
                                    const std::vector<std::vector<double>>& counts,
                                    const BootstrapOptions& options = {.generator = "pcg64"});

// ---- two lists of values, row by row
// -----------------------------------------------------------------------

struct PairedOptions {
  uint64_t seed = 12345;
  int64_t permutations = 10'000;  // of the sign-flip test; up to 2^20 outcomes are gone through exactly
  int64_t resamples = 10'000;     // of the bootstrap of the difference; 0 = none
  std::vector<std::string> clusters = {};  // per row; flips, resamples and errors then go by cluster
};
struct PairedComparison {
  Score baseline, candidate;
  Score difference;                        // candidate - baseline; paired standard error, Student's t
  int64_t wins = 0, losses = 0, ties = 0;  // rows where the candidate is higher, lower, equal
  double correlation = 0;                  // of the two lists; what pairing gains
  // Exact, two-sided, over the discordant rows; only where all values are 0 or 1 and there are no clusters.
  std::optional<double> mcnemar_p = {};
  double permutation_p = 1;        // two-sided sign flip of the differences
  bool permutation_exact = false;  // all outcomes were gone through
  // Percentile interval of the difference, and 2 * the smaller share of resamples on one side of 0.
  double bootstrap_low = 0, bootstrap_high = 0, bootstrap_p = 1;
  double minimum_detectable_effect = 0;  // at 5 % and 80 %
  int64_t unmatched = 0;                 // rows that only one side has; they are in none of the numbers
  std::string method = {};
  std::string to_json() const;
};
// Rows in the same order on both sides.
WHORL_API PairedComparison compare_paired(const std::vector<double>& baseline,
                                          const std::vector<double>& candidate,
                                          const PairedOptions& options = {});
// Rows by id. `options.clusters` must be empty; no common row is an error.
WHORL_API PairedComparison compare_paired(const std::map<std::string, double>& baseline,
                                          const std::map<std::string, double>& candidate,
                                          const PairedOptions& options = {});

// P that of b + c fair coins as few as min(b, c) fall to one side, times two: McNemar's exact test.
WHORL_API double mcnemar_exact(int64_t b, int64_t c);
// P(as many wins or more | fair coin): one-sided, e.g. wins = rows that got worse.
WHORL_API double sign_test(int64_t wins, int64_t losses);

// Corpus metrics of two systems on the same rows: sacrebleu's paired tests, draw for draw.
struct PairedCorpusTest {
  double baseline = 0, candidate = 0;  // scores
  double p = 1;
  double mean = 0, half_width = 0;  // of the candidate's resamples, 95 %; bootstrap only
  std::string method = {};
};
WHORL_API PairedCorpusTest paired_bootstrap(const CorpusMetric& metric,
                                            const std::vector<std::vector<double>>& baseline,
                                            const std::vector<std::vector<double>>& candidate,
                                            int64_t resamples = 1000, uint64_t seed = 12345);
WHORL_API PairedCorpusTest approximate_randomization(const CorpusMetric& metric,
                                                     const std::vector<std::vector<double>>& baseline,
                                                     const std::vector<std::vector<double>>& candidate,
                                                     int64_t trials = 10'000, uint64_t seed = 12345);

// ---- agreement
// ---------------------------------------------------------------------------------------------

// Cohen's kappa of two raters; standard error of Fleiss, Cohen and Everitt 1969, normal interval. Raters who
// both gave one and the same label throughout agree by construction: value 1, no interval.
WHORL_API Score cohens_kappa(const std::vector<std::string>& first, const std::vector<std::string>& second);

}  // namespace whorl
