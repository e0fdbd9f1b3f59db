#pragma once
// The reference implementations' answers (tests/golden/eval, written by tests/parity/make_metric_vectors.py).
#include <bit>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "whorl/metrics.h"

namespace whorl::golden {

using base::Json;

inline Json read(const std::string& name) {
  return base::read_json(std::string(WHORL_SOURCE_DIR) + "/tests/golden/eval/" + name + ".json", "golden");
}

inline std::vector<std::string> texts(const Json& list) { return list.get<std::vector<std::string>>(); }
inline std::vector<double> numbers(const Json& list) { return list.get<std::vector<double>>(); }

// To the bit: 100 and 100.00000000000001 are not the same.
inline bool same_bits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

inline CorpusMetric corpus_metric(const Json& entry) {
  const std::string kind = entry["kind"];
  const Json& o = entry["options"];
  if (kind == "bleu") {
    BleuOptions options;
    options.lowercase = o.value("lowercase", false);
    options.effective_order = o.value("effective_order", false);
    options.smooth_method = o.value("smooth_method", options.smooth_method);
    options.tokenize = o.value("tokenize", options.tokenize);
    options.max_ngram_order = o.value("max_ngram_order", 4);
    return CorpusMetric::bleu(options);
  }
  if (kind == "chrf") {
    ChrfOptions options;
    options.word_order = o.value("word_order", 0);
    options.beta = o.value("beta", 2);
    options.eps_smoothing = o.value("eps_smoothing", false);
    options.whitespace = o.value("whitespace", false);
    options.lowercase = o.value("lowercase", false);
    return CorpusMetric::chrf(options);
  }
  TerOptions options;
  options.normalized = o.value("normalized", false);
  options.no_punct = o.value("no_punct", false);
  options.asian_support = o.value("asian_support", false);
  options.case_sensitive = o.value("case_sensitive", false);
  return CorpusMetric::ter(options);
}

}  // namespace whorl::golden
