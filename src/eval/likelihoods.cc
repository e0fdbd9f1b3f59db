// Perplexity, Brier score and calibration.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/unicode.h"
#include "eval/numpy_sum.h"
#include "whorl/metrics.h"

namespace whorl {
namespace {

// Pieces between runs of white space, empty ones at the ends too, as re.split gives them.
int64_t words_in(const std::string& text) {
  int64_t runs = 0;
  bool before = false;
  for (const char32_t c : base::code_points(text)) {
    const bool now = base::is_python_space(c);
    runs += now && !before;
    before = now;
  }
  return runs + 1;
}

double sum_of(const std::vector<double>& values) { return eval::numpy_sum(values.data(), values.size()); }

void check_probability(const char* operation, double p) {
  base::check_argument(p >= 0 && p <= 1, "[", operation, "] expected a probability of 0 to 1, got ", p);
}

}  // namespace

DocumentLikelihood document_likelihood(const std::string& text, double log_likelihood, int64_t tokens) {
  return {log_likelihood, tokens, words_in(text), std::ssize(text)};
}

Perplexity perplexity(const std::vector<DocumentLikelihood>& documents) {
  base::check_argument(!documents.empty(), "[perplexity] expected at least one document, got none");
  double sum = 0;
  int64_t tokens = 0, words = 0, bytes = 0;
  for (const auto& document : documents) {
    base::check_argument(!std::isnan(document.log_likelihood),
                         "[perplexity] expected a log-likelihood, got NaN");
    base::check_argument(document.tokens >= 0 && document.words >= 0 && document.bytes >= 0,
                         "[perplexity] expected counts of at least 0, got a negative one");
    sum += document.log_likelihood;
    tokens += document.tokens;
    words += document.words;
    bytes += document.bytes;
  }
  auto per = [&](int64_t units) { return units > 0 ? std::exp(-(sum / static_cast<double>(units))) : 0; };
  const double bits = bytes > 0 ? -(sum / static_cast<double>(bytes)) / std::log(2.0) : 0;
  return {per(tokens), per(words), per(bytes), bits};
}

double brier_score(const std::vector<std::vector<double>>& probabilities, const std::vector<int64_t>& gold) {
  base::check_argument(probabilities.size() == gold.size(),
                       "[brier_score] expected a gold class for each of ", probabilities.size(),
                       " rows, got ", gold.size());
  base::check_argument(!gold.empty(), "[brier_score] expected at least one row, got none");
  std::vector<double> rows;
  for (size_t i = 0; i < gold.size(); ++i) {
    base::check_argument(probabilities[i].size() == probabilities[0].size(), "[brier_score] row ", i,
                         ": expected ", probabilities[0].size(), " classes as in row 0, got ",
                         probabilities[i].size());
    base::check_argument(gold[i] >= 0 && gold[i] < std::ssize(probabilities[i]), "[brier_score] row ", i,
                         ": expected a gold class of 0 to ", std::ssize(probabilities[i]) - 1, ", got ",
                         gold[i]);
    std::vector<double> squares;
    for (size_t k = 0; k < probabilities[i].size(); ++k) {
      check_probability("brier_score", probabilities[i][k]);
      const double off = probabilities[i][k] - (static_cast<int64_t>(k) == gold[i] ? 1.0 : 0.0);
      squares.push_back(off * off);
    }
    rows.push_back(sum_of(squares));
  }
  return sum_of(rows) / static_cast<double>(rows.size());
}

std::vector<double> softmax(const std::vector<double>& log_likelihoods) {
  base::check_argument(!log_likelihoods.empty(), "[softmax] expected at least one value, got none");
  const double most = *std::max_element(log_likelihoods.begin(), log_likelihoods.end());
  base::check_argument(std::isfinite(most), "[softmax] expected finite log-likelihoods, got ", most);
  std::vector<double> out;
  for (const double x : log_likelihoods) out.push_back(std::exp(x - most));
  const double sum = sum_of(out);
  for (double& x : out) x /= sum;
  return out;
}

Calibration calibration(const std::vector<double>& confidences, const std::vector<double>& correct,
                        int bins) {
  base::check_argument(confidences.size() == correct.size(),
                       "[calibration] expected one outcome for each of ", confidences.size(),
                       " confidences, got ", correct.size());
  base::check_argument(!correct.empty(), "[calibration] expected at least one row, got none");
  base::check_argument(bins >= 1 && bins <= 1000, "[calibration] expected 1 to 1000 bins, got ", bins);
  Calibration out;
  for (int b = 0; b < bins; ++b)
    out.bins.push_back({static_cast<double>(b) / bins, static_cast<double>(b + 1) / bins});
  for (size_t i = 0; i < correct.size(); ++i) {
    check_probability("calibration", confidences[i]);
    base::check_argument(correct[i] == 0 || correct[i] == 1, "[calibration] row ", i,
                         ": expected 0 or 1, got ", correct[i]);
    size_t b = 0;
    while (confidences[i] > out.bins[b].high) ++b;
    auto& bin = out.bins[b];
    ++bin.n;
    bin.confidence += confidences[i];
    bin.accuracy += correct[i];
    out.brier += (confidences[i] - correct[i]) * (confidences[i] - correct[i]);
  }
  const auto n = static_cast<double>(correct.size());
  out.brier /= n;
  for (auto& bin : out.bins) {
    if (bin.n == 0) continue;
    bin.confidence /= static_cast<double>(bin.n);
    bin.accuracy /= static_cast<double>(bin.n);
    const double gap = std::abs(bin.accuracy - bin.confidence);
    out.ece += gap * static_cast<double>(bin.n) / n;
    out.mce = std::max(out.mce, gap);
  }
  return out;
}

}  // namespace whorl
