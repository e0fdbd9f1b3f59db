#pragma once
// What BLEU, chrF and TER have in common.
#include <memory>
#include <string>
#include <vector>

#include "whorl/metrics.h"

namespace whorl {

struct CorpusMetric::Impl {
  std::string name;
  bool higher_is_better = true;
  virtual ~Impl() = default;
  // References are at least one. Safe to call from several threads.
  virtual std::vector<double> counts(const std::string& hypothesis,
                                     const std::vector<std::string>& references) const = 0;
  virtual double score(const std::vector<double>& summed) const = 0;
  // The same in single precision where numpy would keep it: resampled counts are float32 in sacrebleu.
  virtual double score32(const std::vector<float>& summed) const = 0;
  // Whether score32's values are float32 numbers (chrF, TER) or were widened on the way (BLEU).
  virtual bool stays_single() const = 0;
  virtual size_t width() const = 0;           // of counts
  virtual std::string signature() const = 0;  // without "nrefs:…"
};

namespace eval {

std::shared_ptr<const CorpusMetric::Impl> make_bleu(const BleuOptions& options);
std::shared_ptr<const CorpusMetric::Impl> make_chrf(const ChrfOptions& options);
std::shared_ptr<const CorpusMetric::Impl> make_ter(const TerOptions& options);

}  // namespace eval
}  // namespace whorl
