// chrF (Popović 2015) and chrF++ (2017) with sacrebleu's order of operations.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/unicode.h"
#include "eval/corpus_metric.h"
#include "eval/tokens.h"

namespace whorl {
namespace eval {
namespace {

bool is_punctuation(char32_t c) {
  return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
}

using Words = std::vector<std::u32string_view>;

Words split(std::u32string_view text) {
  Words out;
  for (size_t i = 0; i < text.size();) {
    while (i < text.size() && base::is_python_space(text[i])) ++i;
    const size_t begin = i;
    while (i < text.size() && !base::is_python_space(text[i])) ++i;
    if (i > begin) out.push_back(text.substr(begin, i - begin));
  }
  return out;
}

// One mark of punctuation is split off a word's end, or else off its start: "(hi)" gives "(hi" and ")".
Words words_and_marks(std::u32string_view text) {
  Words out;
  for (const auto word : split(text)) {
    const size_t cut = word.size() == 1               ? 0
                       : is_punctuation(word.back())  ? word.size() - 1
                       : is_punctuation(word.front()) ? 1
                                                      : 0;
    if (cut > 0) out.push_back(word.substr(0, cut));
    out.push_back(word.substr(cut));
  }
  return out;
}

// Text ready to be counted.
struct Prepared {
  std::vector<char32_t> characters;
  std::vector<std::string> word_texts;
};

// Counts of n-grams of one order: in the hypothesis, in the reference, in both.
struct Order {
  int64_t hypothesis = 0, reference = 0, both = 0;
};

struct Counter {
  NgramTable ngrams;
  std::vector<int32_t> left;  // per n-gram of the reference: not matched yet

  void reference(const uint32_t* items, size_t size, int order, Order* out) {
    ngrams.clear();
    left.clear();
    ngrams.each(items, size, order, true, [&](uint32_t id, int n) {
      if (id >= left.size()) left.resize(id + 1, 0);
      ++left[id];
      ++out[n - 1].reference;
    });
  }
  void hypothesis(const uint32_t* items, size_t size, int order, Order* out) {
    ngrams.each(items, size, order, false, [&](uint32_t id, int n) {
      ++out[n - 1].hypothesis;
      if (id != IdTable::kNone && left[id]-- > 0) ++out[n - 1].both;
    });
  }
};

struct Chrf final : CorpusMetric::Impl {
  ChrfOptions options;

  explicit Chrf(const ChrfOptions& o) : options(o) {
    base::check_argument(
        o.char_order >= 0 && o.char_order <= 32 && o.word_order >= 0 && o.word_order <= 32 &&
            o.char_order + o.word_order > 0,
        "[CorpusMetric.chrf] expected char_order and word_order of 0 to 32, not both 0, got ", o.char_order,
        " and ", o.word_order);
    base::check_argument(o.beta >= 1 && o.beta <= 1000,
                         "[CorpusMetric.chrf] expected beta of 1 to 1000, got ", o.beta);
    name = base::concat("chrF", o.beta) + std::string(static_cast<size_t>(o.word_order), '+');
  }

  size_t orders() const { return static_cast<size_t>(options.char_order + options.word_order); }
  size_t width() const override { return 3 * orders(); }
  bool stays_single() const override { return true; }

  std::string signature() const override {
    return base::concat("case:", options.lowercase ? "lc" : "mixed",
                        "|eff:", options.eps_smoothing ? "no" : "yes", "|nc:", options.char_order,
                        "|nw:", options.word_order, "|space:", options.whitespace ? "yes" : "no");
  }

  std::vector<double> counts(const std::string& hypothesis,
                             const std::vector<std::string>& references) const override;
  double score(const std::vector<double>& summed) const override { return compute<double>(summed); }
  double score32(const std::vector<float>& summed) const override { return compute<float>(summed); }

  template <class T>
  T compute(const std::vector<T>& counts) const {
    const T factor = static_cast<T>(options.beta * options.beta), more = factor + 1,
            eps = static_cast<T>(1e-16);
    T score = 0, precisions = 0, recalls = 0;
    int effective = 0;
    for (size_t i = 0; i < orders(); ++i) {
      const T hypothesis = counts[3 * i], reference = counts[3 * i + 1], both = counts[3 * i + 2];
      const T precision = hypothesis > 0 ? both / hypothesis : eps;
      const T recall = reference > 0 ? both / reference : eps;
      const T below = factor * precision + recall;
      score += below > 0 ? more * precision * recall / below : eps;
      if (hypothesis > 0 && reference > 0) {
        precisions += precision;
        recalls += recall;
        ++effective;
      }
    }
    if (options.eps_smoothing) return 100 * score / static_cast<T>(orders());
    if (effective == 0) return 0;
    precisions /= static_cast<T>(effective);
    recalls /= static_cast<T>(effective);
    if (precisions + recalls == 0) return 0;
    return 100 * (more * precisions * recalls / (factor * precisions + recalls));
  }
};

struct Side {
  std::vector<uint32_t> characters, words;
};

struct Scratch {
  Counter counter;
  WordTable words;
  std::vector<std::string> texts;  // of the words
};

Side prepare(const ChrfOptions& options, const std::string& text, Scratch& scratch) {
  std::u32string points = base::code_points(text);
  if (options.lowercase) points = base::lower(points);
  Side out;
  out.characters.reserve(points.size());
  for (const char32_t c : points)
    if (options.whitespace || !base::is_python_space(c)) out.characters.push_back(c);
  if (options.word_order > 0) {
    for (const auto word : words_and_marks(points))
      out.words.push_back(scratch.words.add(scratch.texts.emplace_back(base::to_utf8(word))));
  }
  return out;
}

std::vector<double> flat(const std::vector<Order>& orders) {
  std::vector<double> out;
  out.reserve(3 * orders.size());
  for (const auto& order : orders) {
    // N-grams of an order that the reference has none of are not held against the hypothesis.
    out.push_back(order.reference > 0 ? static_cast<double>(order.hypothesis) : 0);
    out.push_back(static_cast<double>(order.reference));
    out.push_back(static_cast<double>(order.both));
  }
  return out;
}

std::vector<double> Chrf::counts(const std::string& hypothesis,
                                 const std::vector<std::string>& references) const {
  thread_local Scratch scratch;
  scratch.words.clear();
  scratch.texts.clear();
  // Words are pointed at, so their texts must not move.
  size_t most = hypothesis.size() + 1;
  for (const auto& reference : references) most += reference.size() + 1;
  if (options.word_order > 0) scratch.texts.reserve(most);
  const Side said = prepare(options, hypothesis, scratch);
  std::vector<double> best;
  double best_score = -1;
  for (const auto& text : references) {
    const Side reference = prepare(options, text, scratch);
    std::vector<Order> orders(this->orders());
    Order* word_orders = orders.data() + options.char_order;
    auto& counter = scratch.counter;
    counter.reference(reference.characters.data(), reference.characters.size(), options.char_order,
                      orders.data());
    counter.hypothesis(said.characters.data(), said.characters.size(), options.char_order, orders.data());
    counter.reference(reference.words.data(), reference.words.size(), options.word_order, word_orders);
    counter.hypothesis(said.words.data(), said.words.size(), options.word_order, word_orders);
    auto counted = flat(orders);
    const double value = compute<double>(counted);
    if (value > best_score) {
      best_score = value;
      best = std::move(counted);
    }
  }
  return best;
}

}  // namespace

std::shared_ptr<const CorpusMetric::Impl> make_chrf(const ChrfOptions& options) {
  return std::make_shared<Chrf>(options);
}

}  // namespace eval
}  // namespace whorl
