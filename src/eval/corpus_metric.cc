#include "eval/corpus_metric.h"

#include "base/check.h"
#include "base/json.h"

namespace whorl {

CorpusMetric::CorpusMetric(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
CorpusMetric CorpusMetric::bleu(const BleuOptions& options) { return CorpusMetric(eval::make_bleu(options)); }
CorpusMetric CorpusMetric::chrf(const ChrfOptions& options) { return CorpusMetric(eval::make_chrf(options)); }
CorpusMetric CorpusMetric::ter(const TerOptions& options) { return CorpusMetric(eval::make_ter(options)); }

CorpusMetric CorpusMetric::named(const std::string& name) {
  if (name == "bleu") return bleu();
  if (name == "chrf") return chrf();
  if (name == "chrf++") return chrf({.word_order = 2});
  if (name == "ter") return ter();
  base::invalid("[CorpusMetric.named] expected 'bleu', 'chrf', 'chrf++' or 'ter', got '", name, "'",
                base::did_you_mean(name, {"bleu", "chrf", "chrf++", "ter"}));
}

std::vector<double> CorpusMetric::counts(const std::string& hypothesis,
                                         const std::vector<std::string>& references) const {
  base::check_argument(!references.empty(),
                       "[CorpusMetric.counts] expected at least one reference, got none");
  return impl_->counts(hypothesis, references);
}

double CorpusMetric::score(const std::vector<double>& summed) const {
  base::check_argument(summed.size() == impl_->width(), "[CorpusMetric.score] expected ", impl_->width(),
                       " counts of ", impl_->name, ", got ", summed.size());
  return impl_->score(summed);
}

double CorpusMetric::corpus(const std::vector<std::string>& hypotheses,
                            const std::vector<std::vector<std::string>>& references) const {
  base::check_argument(hypotheses.size() == references.size(),
                       "[CorpusMetric.corpus] expected references for each of ", hypotheses.size(),
                       " hypotheses, got ", references.size());
  base::check_argument(!hypotheses.empty(), "[CorpusMetric.corpus] expected at least one row, got none");
  std::vector<double> sum(impl_->width(), 0.0);
  for (size_t row = 0; row < hypotheses.size(); ++row) {
    const auto one = counts(hypotheses[row], references[row]);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += one[i];
  }
  return impl_->score(sum);
}

double CorpusMetric::sentence(const std::string& hypothesis,
                              const std::vector<std::string>& references) const {
  return impl_->score(counts(hypothesis, references));
}

const std::string& CorpusMetric::name() const { return impl_->name; }
bool CorpusMetric::higher_is_better() const { return impl_->higher_is_better; }
const CorpusMetric::Impl& CorpusMetric::impl() const { return *impl_; }

std::string CorpusMetric::signature(int num_references) const {
  base::check_argument(num_references == -1 || num_references > 0,
                       "[CorpusMetric.signature] expected at least one reference (or -1), got ",
                       num_references);
  const std::string count = num_references == -1 ? "var" : std::to_string(num_references);
  return "nrefs:" + count + "|" + impl_->signature();
}

}  // namespace whorl
