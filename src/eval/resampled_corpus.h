#pragma once
// Corpus metrics of rows drawn again and again.
#include <cstdint>
#include <vector>

#include "eval/corpus_metric.h"

namespace whorl::eval {

struct Interval {
  double low = 0, high = 0;
};
// 95 %: sacrebleu's, the values n/40 from either end.
Interval percentile_interval(std::vector<double> values);

// std::invalid_argument for no rows, or rows that are not the metric's counts.
void check_counts(const char* operation, const CorpusMetric& metric,
                  const std::vector<std::vector<double>>& counts);

double corpus_score(const CorpusMetric& metric, const std::vector<std::vector<double>>& counts);

// Counts in single precision, added row by row, as numpy adds float32 along the first axis.
class SingleCounts {
 public:
  SingleCounts(const CorpusMetric& metric, const std::vector<std::vector<double>>& counts);
  double score(const std::vector<int64_t>& rows);

 private:
  const CorpusMetric::Impl& metric_;
  std::vector<float> counts_, sum_;
};

}  // namespace whorl::eval
