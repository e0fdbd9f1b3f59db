// Labels against labels, with scikit-learn's definitions and its order of additions.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/check.h"
#include "base/json.h"
#include "eval/numpy_sum.h"
#include "whorl/metrics.h"

namespace whorl {
namespace {

using Labels = std::vector<std::string>;

void check_rows(const char* operation, const Labels& expected, const Labels& got) {
  base::check_argument(expected.size() == got.size(), "[", operation,
                       "] expected as many labels as there are rows, got ", expected.size(), " expected and ",
                       got.size(), " got");
  base::check_argument(!expected.empty(), "[", operation, "] expected at least one row, got none");
}

// Of one label: rows that are it, rows that are called it, rows that are both.
struct Counts {
  double expected = 0, got = 0, both = 0;
};

std::map<std::string, Counts> count(const Labels& expected, const Labels& got) {
  std::map<std::string, Counts> out;
  for (size_t i = 0; i < expected.size(); ++i) {
    ++out[expected[i]].expected;
    ++out[got[i]].got;
    if (expected[i] == got[i]) ++out[got[i]].both;
  }
  return out;
}

double divide(double a, double b) { return b == 0 ? 0 : a / b; }

F1Score score_of(const Counts& c) {
  return {divide(c.both, c.got), divide(c.both, c.expected), divide(2 * c.both, c.expected + c.got)};
}

// Mean over labels of one member, each label by its weight.
double mean(const std::vector<F1Score>& scores, double F1Score::*member, const std::vector<double>& weights) {
  std::vector<double> values;
  for (size_t i = 0; i < scores.size(); ++i)
    values.push_back(scores[i].*member * (weights.empty() ? 1 : weights[i]));
  const double total =
      weights.empty() ? static_cast<double>(values.size()) : eval::numpy_sum(weights.data(), weights.size());
  return divide(eval::numpy_sum(values.data(), values.size()), total);
}

F1Score binary(const std::map<std::string, Counts>& counts, const std::string& positive) {
  base::check_argument(counts.size() <= 2,
                       "[f1_score] expected at most two labels for average 'binary', got ", counts.size(),
                       "; choose 'macro', 'micro' or 'weighted'");
  const auto found = counts.find(positive);
  if (found != counts.end()) return score_of(found->second);
  std::string names;
  for (const auto& [name, _] : counts) names += (names.empty() ? "'" : ", '") + name + "'";
  base::check_argument(counts.size() < 2, "[f1_score] expected the positive label to be one of ", names,
                       ", got '", positive, "'");
  return {};
}

}  // namespace

double accuracy(const Labels& expected, const Labels& got) {
  check_rows("accuracy", expected, got);
  int64_t right = 0;
  for (size_t i = 0; i < expected.size(); ++i) right += expected[i] == got[i];
  return static_cast<double>(right) / static_cast<double>(expected.size());
}

F1Score f1_score(const Labels& expected, const Labels& got, const F1Options& options) {
  check_rows("f1_score", expected, got);
  const auto counts = count(expected, got);
  if (options.average == "binary") return binary(counts, options.positive);
  if (options.average == "micro") {
    Counts all;
    for (const auto& [_, c] : counts) all = {all.expected + c.expected, all.got + c.got, all.both + c.both};
    return score_of(all);
  }
  const std::vector<std::string> known = {"binary", "macro", "micro", "weighted"};
  base::check_argument(options.average == "macro" || options.average == "weighted",
                       "[f1_score] expected average to be 'binary', 'macro', 'micro' or 'weighted', got '",
                       options.average, "'", base::did_you_mean(options.average, known));
  std::vector<F1Score> scores;
  std::vector<double> weights;
  for (const auto& [_, c] : counts) {
    scores.push_back(score_of(c));
    if (options.average == "weighted") weights.push_back(c.expected);
  }
  return {mean(scores, &F1Score::precision, weights), mean(scores, &F1Score::recall, weights),
          mean(scores, &F1Score::f1, weights)};
}

// Gorodkin 2004 for any number of classes: the correlation of the two indicator matrices.
double matthews_correlation(const Labels& expected, const Labels& got) {
  check_rows("matthews_correlation", expected, got);
  const auto n = static_cast<double>(expected.size());
  double right = 0, cross = 0, expected_squares = 0, got_squares = 0;
  for (const auto& [_, c] : count(expected, got)) {
    right += c.both;
    cross += c.expected * c.got;
    expected_squares += c.expected * c.expected;
    got_squares += c.got * c.got;
  }
  const double both = (n * n - got_squares) * (n * n - expected_squares);
  return both == 0 ? 0 : (right * n - cross) / std::sqrt(both);
}

}  // namespace whorl
