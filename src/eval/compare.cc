// Two results on the same rows.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/json.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace {

using Rows = std::map<std::string, const RowScore*>;

// Scores are not compared by what they are made of: a row that on_error leaves out has none.
Rows rows_with(const EvaluateResult& result, const std::string& metric) {
  Rows out;
  for (const auto& row : result.rows)
    if (row.scores.contains(metric)) out[row.id] = &row;
  return out;
}

void check_has(const EvaluateResult& result, const std::string& metric) {
  std::vector<std::string> names;
  for (const auto& [name, score] : result.scores) names.push_back(name);
  base::check_argument(result.scores.contains(metric), "[compare] the result of '",
                       result.adapter.empty() ? "base" : result.adapter, "' has no metric '", metric, "'",
                       base::did_you_mean(metric, names));
}

using Counts = std::vector<std::vector<double>>;

// sacrebleu's paired approximate randomisation, over the rows that both have.
std::optional<PairedCorpusTest> corpus_test(const EvaluateResult& a, const std::string& metric,
                                            const Rows& left, const Rows& right,
                                            const PairedOptions& options) {
  const auto known = a.corpus_metrics.find(metric);
  if (known == a.corpus_metrics.end()) return {};
  Counts baseline, candidate;
  for (const auto& [id, row] : left) {
    const auto other = right.find(id);
    if (other == right.end()) continue;
    baseline.push_back(row->counts.at(metric));
    candidate.push_back(other->second->counts.at(metric));
  }
  return approximate_randomization(known->second, baseline, candidate, options.permutations, options.seed);
}

}  // namespace

Comparison compare(const EvaluateResult& a, const EvaluateResult& b, const std::string& metric,
                   const PairedOptions& options) {
  check_has(a, metric);
  check_has(b, metric);
  const Rows left = rows_with(a, metric), right = rows_with(b, metric);
  Comparison out{.metric = metric, .a = a.adapter, .b = b.adapter, .paired = {}};
  std::map<std::string, double> baseline, candidate;
  for (const auto& [id, row] : left) baseline[id] = row->scores.at(metric);
  for (const auto& [id, row] : right) candidate[id] = row->scores.at(metric);
  out.paired = compare_paired(baseline, candidate, options);
  out.corpus = corpus_test(a, metric, left, right, options);
  return out;
}

}  // namespace whorl
