// BLEU (Papineni et al. 2002) with the order of operations of sacrebleu, so that values agree to the bit.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/check.h"
#include "base/json.h"
#include "base/unicode.h"
#include "eval/corpus_metric.h"
#include "eval/text_tokens.h"
#include "eval/tokens.h"

namespace whorl {
namespace eval {
namespace {

using Tokenizer = std::string (*)(std::string_view);

Tokenizer tokenizer_named(const std::string& name) {
  if (name == "13a") return tokenize_13a;
  if (name == "char") return tokenize_characters;
  if (name == "none") return [](std::string_view text) { return std::string(text); };
  base::invalid("[CorpusMetric.bleu] expected tokenize to be '13a', 'char' or 'none', got '", name, "'");
}

void check(const BleuOptions& o) {
  base::check_argument(o.max_ngram_order >= 1 && o.max_ngram_order <= 16,
                       "[CorpusMetric.bleu] expected max_ngram_order of 1 to 16, got ", o.max_ngram_order);
  const std::vector<std::string> methods = {"exp", "floor", "add-k", "none"};
  base::check_argument(
      std::find(methods.begin(), methods.end(), o.smooth_method) != methods.end(),
      "[CorpusMetric.bleu] expected smooth_method to be 'exp', 'floor', 'add-k' or 'none', got '",
      o.smooth_method, "'", base::did_you_mean(o.smooth_method, methods));
  base::check_argument(o.smooth_value == -1 || (o.smooth_value >= 0 && std::isfinite(o.smooth_value)),
                       "[CorpusMetric.bleu] expected smooth_value of at least 0 (or -1), got ",
                       o.smooth_value);
}

// The reference's logarithm of nothing.
double log_or_floor(double x) { return x == 0 ? -9999999999.0 : std::log(x); }

struct Bleu final : CorpusMetric::Impl {
  BleuOptions options;
  Tokenizer tokenize;
  double smooth_value;

  explicit Bleu(const BleuOptions& o) : options(o), tokenize(tokenizer_named(o.tokenize)) {
    check(o);
    name = "BLEU";
    smooth_value = o.smooth_value != -1 ? o.smooth_value : o.smooth_method == "floor" ? .1 : 1;
  }

  size_t order() const { return static_cast<size_t>(options.max_ngram_order); }
  size_t width() const override { return 2 + 2 * order(); }
  bool stays_single() const override { return false; }

  std::string signature() const override {
    std::string smooth = options.smooth_method;
    if (smooth == "floor" || smooth == "add-k") {
      char text[48];
      std::snprintf(text, sizeof text, "[%.2f]", smooth_value);
      smooth += text;
    }
    return base::concat("case:", options.lowercase ? "lc" : "mixed",
                        "|eff:", options.effective_order ? "yes" : "no", "|tok:", options.tokenize,
                        "|smooth:", smooth);
  }

  std::string prepared(const std::string& text) const {
    return options.lowercase ? tokenize(base::rstrip(base::lower(text))) : tokenize(base::rstrip(text));
  }

  std::vector<double> counts(const std::string& hypothesis,
                             const std::vector<std::string>& references) const override;
  double score(const std::vector<double>& summed) const override { return compute<double>(summed); }
  double score32(const std::vector<float>& summed) const override { return compute<float>(summed); }

  // counts: length, reference length, matches per order, n-grams per order.
  template <class T>
  double compute(std::vector<T> counts) const {
    const auto length = static_cast<double>(static_cast<int64_t>(counts[0])),
               reference = static_cast<double>(static_cast<int64_t>(counts[1]));
    double brevity = 1;
    if (length < reference) brevity = length > 0 ? std::exp(1 - reference / length) : 0;
    T* correct = counts.data() + 2;
    T* total = correct + order();
    if (std::all_of(correct, total, [](T c) { return c == 0; })) return 0;
    std::vector<double> precisions(order(), 0.0);
    T doubled = 1;
    size_t effective = order();
    for (size_t n = 0; n < order(); ++n) {
      if (n > 0 && options.smooth_method == "add-k") {
        correct[n] += static_cast<T>(smooth_value);
        total[n] += static_cast<T>(smooth_value);
      }
      if (total[n] == 0) break;
      if (options.effective_order) effective = n + 1;
      if (correct[n] != 0) {
        precisions[n] = static_cast<T>(100) * correct[n] / total[n];
      } else if (options.smooth_method == "exp") {
        doubled *= 2;
        precisions[n] = static_cast<T>(100) / (doubled * total[n]);
      } else if (options.smooth_method == "floor") {
        precisions[n] = static_cast<T>(100 * smooth_value) / total[n];
      }
    }
    double logs = 0;
    for (size_t n = 0; n < effective; ++n) logs += log_or_floor(precisions[n]);
    return brevity * std::exp(logs / static_cast<double>(effective));
  }
};

// Memory that rows of one thread share.
struct Scratch {
  WordTable words;
  NgramTable ngrams;
  std::vector<int32_t> most, once;  // per n-gram: the most of any reference, of this one
};

void count_reference(Scratch& s, const std::vector<uint32_t>& tokens, int order) {
  std::fill(s.once.begin(), s.once.end(), 0);
  s.ngrams.each(tokens.data(), tokens.size(), order, true, [&](uint32_t id, int) {
    if (id >= s.once.size()) {
      s.once.resize(id + 1, 0);
      s.most.resize(id + 1, 0);
    }
    s.most[id] = std::max(s.most[id], ++s.once[id]);
  });
}

// The length closest to the hypothesis', the shorter one on a tie.
size_t closest(size_t length, const std::vector<size_t>& references) {
  auto distance = [&](size_t r) { return r > length ? r - length : length - r; };
  size_t best = references.front();
  for (const size_t r : references)
    if (distance(r) < distance(best) || (distance(r) == distance(best) && r < best)) best = r;
  return best;
}

std::vector<double> Bleu::counts(const std::string& hypothesis,
                                 const std::vector<std::string>& references) const {
  thread_local Scratch s;
  s.words.clear();
  s.ngrams.clear();
  s.most.clear();
  s.once.clear();
  std::vector<std::string> texts;  // words point into them
  texts.reserve(references.size() + 1);
  std::vector<size_t> lengths;
  for (const auto& reference : references) {
    const auto tokens = s.words.add(base::split_whitespace(texts.emplace_back(prepared(reference))));
    lengths.push_back(tokens.size());
    count_reference(s, tokens, options.max_ngram_order);
  }
  const auto tokens = s.words.add(base::split_whitespace(texts.emplace_back(prepared(hypothesis))));
  std::vector<double> out(width(), 0.0);
  out[0] = static_cast<double>(tokens.size());
  out[1] = static_cast<double>(closest(tokens.size(), lengths));
  double* correct = out.data() + 2;
  double* total = correct + order();
  s.ngrams.each(tokens.data(), tokens.size(), options.max_ngram_order, false, [&](uint32_t id, int n) {
    total[n - 1] += 1;
    if (id != IdTable::kNone && s.most[id]-- > 0) correct[n - 1] += 1;
  });
  return out;
}

}  // namespace

std::shared_ptr<const CorpusMetric::Impl> make_bleu(const BleuOptions& options) {
  return std::make_shared<Bleu>(options);
}

}  // namespace eval
}  // namespace whorl
