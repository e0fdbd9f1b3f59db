// Metrics whose score is of all rows together: BLEU, chrF, TER from summed counts, MCC from labels.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "eval/scoring.h"

namespace whorl::eval {
namespace {

using base::Json;

// Two scores: the corpus', whose rows show their own value, and the mean of the rows' own.
class Corpus : public RowMetric {
 public:
  Corpus(std::string name, Texts texts, CorpusMetric metric, CorpusMetric of_one_row)
      : name_(std::move(name)),
        texts_(std::move(texts)),
        metric_(std::move(metric)),
        of_one_row_(std::move(of_one_row)) {}
  std::vector<std::string> names() const override { return {name_, name_ + ".sentence"}; }

  const CorpusMetric* corpus(size_t name) const override { return name == 0 ? &metric_ : nullptr; }

  // An answer that is not there is an empty one.
  std::optional<Value> worst(size_t name, const Case& one) const override {
    try {
      return values("", texts_.references(one))[name];
    } catch (const std::invalid_argument&) {
      return {};  // without a reference there is nothing to count
    }
  }

  Score total(size_t name, const std::vector<Value>& counted, uint64_t seed) const override {
    if (name == 1) return RowMetric::total(name, counted, seed);
    std::vector<std::vector<double>> counts;
    for (const auto& value : counted) counts.push_back(value.counts);
    Score score = bootstrap(metric_, counts, {.seed = seed}).score;
    score.method += ", " + metric_.signature(-1);
    return score;
  }

 protected:
  std::vector<Value> score_row(const Case& one) const override {
    return values(texts_.candidate(one), texts_.references(one));
  }

 private:
  std::vector<Value> values(const std::string& candidate, const std::vector<std::string>& references) const {
    const double sentence = of_one_row_.sentence(candidate, references);
    return {{.value = sentence, .counts = metric_.counts(candidate, references)}, Value::of(sentence)};
  }

  std::string name_;
  Texts texts_;
  CorpusMetric metric_, of_one_row_;
};

// Labels travel as the row's why-text would: the pair is what the score is made of.
class Mcc : public Metric {
 public:
  Mcc(std::string name, Texts texts) : name_(std::move(name)), texts_(std::move(texts)) {}
  std::vector<std::string> names() const override { return {name_}; }
  // A class that nothing else has: never right, and no other class' mistake.
  std::optional<Value> worst(size_t, const Case& one) const override {
    try {
      return pair(texts_.references(one).front(), "\x1f");
    } catch (const std::invalid_argument&) {
      return {};
    }
  }

  std::vector<std::vector<Value>> score(const std::vector<Case>& cases, const Bench&) const override {
    std::vector<Value> out;
    for (const Case& one : cases) {
      try {
        base::check_argument(one.answer->error.empty(), one.answer->error);
        out.push_back(pair(texts_.references(one).front(), texts_.candidate(one)));
      } catch (const std::invalid_argument& error) {
        out.push_back(Value::errored(error.what()));
      }
    }
    return {out};
  }

  Score total(size_t, const std::vector<Value>& counted, uint64_t seed) const override {
    const auto of = [&counted](const std::vector<int64_t>& rows) {
      std::vector<std::string> expected, got;
      for (const int64_t row : rows) {
        const std::string& both = counted[static_cast<size_t>(row)].why;
        const size_t cut = both.find('\0');
        expected.push_back(both.substr(0, cut));
        got.push_back(both.substr(cut + 1));
      }
      return matthews_correlation(expected, got);
    };
    return bootstrap(std::ssize(counted), of, {.seed = seed}).score;
  }

 private:
  static Value pair(const std::string& expected, const std::string& got) {
    const auto trimmed = [](const std::string& text) {
      const size_t begin = text.find_first_not_of(" \t\r\n");
      return begin == std::string::npos ? ""
                                        : text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
    };
    const std::string a = trimmed(expected), b = trimmed(got);
    return {.value = a == b ? 1. : 0., .why = a + '\0' + b};
  }

  std::string name_;
  Texts texts_;
};

struct Pair {
  CorpusMetric corpus, row;
};

Pair make_bleu(const Json& params, const std::string& where) {
  base::check_known_keys(
      params,
      {"max_ngram_order", "lowercase", "effective_order", "tokenize", "smooth_method", "smooth_value"},
      where);
  BleuOptions o;
  o.max_ngram_order = static_cast<int>(base::int_or(params, "max_ngram_order", o.max_ngram_order, where));
  o.lowercase = base::bool_or(params, "lowercase", o.lowercase, where);
  o.effective_order = base::bool_or(params, "effective_order", o.effective_order, where);
  o.tokenize = base::string_or(params, "tokenize", o.tokenize, where);
  o.smooth_method = base::string_or(params, "smooth_method", o.smooth_method, where);
  o.smooth_value = base::number_or(params, "smooth_value", o.smooth_value, where);
  BleuOptions one = o;
  one.effective_order = true;  // as sacrebleu's sentence_bleu
  return {CorpusMetric::bleu(o), CorpusMetric::bleu(one)};
}

CorpusMetric make_chrf(const Json& params, int word_order, const std::string& where) {
  base::check_known_keys(params, {"char_order", "word_order", "beta", "lowercase", "whitespace"}, where);
  ChrfOptions o;
  o.char_order = static_cast<int>(base::int_or(params, "char_order", o.char_order, where));
  o.word_order = static_cast<int>(base::int_or(params, "word_order", word_order, where));
  o.beta = static_cast<int>(base::int_or(params, "beta", o.beta, where));
  o.lowercase = base::bool_or(params, "lowercase", o.lowercase, where);
  o.whitespace = base::bool_or(params, "whitespace", o.whitespace, where);
  return CorpusMetric::chrf(o);
}

CorpusMetric make_ter(const Json& params, const std::string& where) {
  base::check_known_keys(params, {"normalized", "no_punct", "asian_support", "case_sensitive"}, where);
  TerOptions o;
  o.normalized = base::bool_or(params, "normalized", o.normalized, where);
  o.no_punct = base::bool_or(params, "no_punct", o.no_punct, where);
  o.asian_support = base::bool_or(params, "asian_support", o.asian_support, where);
  o.case_sensitive = base::bool_or(params, "case_sensitive", o.case_sensitive, where);
  return CorpusMetric::ter(o);
}

}  // namespace

std::unique_ptr<Metric> make_corpus_metric(const std::string& type, const std::string& name,
                                           const Texts& texts, const Json& params) {
  const std::string where = "[Evaluator.run] metric '" + name + "': params";
  if (type == "mcc") {
    base::check_known_keys(params, std::vector<std::string>(), where);
    return std::make_unique<Mcc>(name, texts);
  }
  if (type == "bleu") {
    const Pair made = make_bleu(params, where);
    return std::make_unique<Corpus>(name, texts, made.corpus, made.row);
  }
  const CorpusMetric made =
      type == "ter" ? make_ter(params, where) : make_chrf(params, type == "chrf++" ? 2 : 0, where);
  return std::make_unique<Corpus>(name, texts, made, made);
}

}  // namespace whorl::eval
