#pragma once
// Metrics, each with the value of the implementation that papers quote (named beside it). Text is UTF-8;
// broken bytes count as U+FFFD, never as an error, for a metric must not fail on what a model wrote. All
// calls are pure and may be made from any thread. Arguments that make no sense are std::invalid_argument.
#include <whorl/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whorl {

// ---- text against text, one row ------------------------------------------------------------------------

// As lm-evaluation-harness' exact_match: every pattern is deleted from both sides in order, then case,
// ASCII punctuation and digits as asked; nothing is trimmed. Patterns are RE2's (linear time; no look-around
// and no back-references, which are refused).
struct ExactMatchOptions {
  std::vector<std::string> regexes_to_ignore = {};  // e.g. {",", "\\$", "(?s).*#### ", "\\.$"} for GSM8K
  bool ignore_case = false;
  bool ignore_punctuation = false;
  bool ignore_numbers = false;
};
WHORL_API double exact_match(const std::string& expected, const std::string& got,
                             const ExactMatchOptions& options);

// SQuAD 1.1 (Hugging Face evaluate's `squad`): lower case, drop ASCII punctuation, drop a / an / the, squeeze
// spaces; the best of all answers counts; 0 or 1, and 0..1 (not times 100). No answers: an error.
struct SquadScore {
  double exact_match = 0;
  double f1 = 0;  // 0 when both sides are empty, as there; token_f1 (SQuAD 2.0) says 1
};
WHORL_API SquadScore squad(const std::vector<std::string>& answers, const std::string& got);

// rouge-score 0.1.2. `types`: "rouge1" … "rouge9", "rougeL", "rougeLsum" (sentences = lines).
struct RougeScore {
  double precision = 0, recall = 0, fmeasure = 0;
};
struct RougeOptions {
  std::vector<std::string> types = {"rouge1", "rouge2", "rougeL", "rougeLsum"};
  bool use_stemmer = false;  // Porter's, as NLTK extends it; papers on summaries mostly turn it on
};
WHORL_API std::map<std::string, RougeScore> rouge(const std::string& target, const std::string& prediction,
                                                  const RougeOptions& options = {});
// Per type the target with the best F-measure, the first on a tie.
WHORL_API std::map<std::string, RougeScore> rouge(const std::vector<std::string>& targets,
                                                  const std::string& prediction,
                                                  const RougeOptions& options = {});
// NLTK's PorterStemmer().stem in its default mode.
WHORL_API std::string porter_stem(std::string_view word);

// ---- corpus metrics: BLEU, chrF, TER --------------------------------------------------------------------

struct BleuOptions {
  int max_ngram_order = 4;
  bool lowercase = false;
  bool effective_order = false;       // turn on for single sentences: a short perfect one then scores 100
  std::string tokenize = "13a";       // or "none" (split at white space) or "char"
  std::string smooth_method = "exp";  // or "floor", "add-k", "none"
  double smooth_value = -1;           // of floor (-1 = 0.1) and add-k (-1 = 1)
};
struct ChrfOptions {
  int char_order = 6;
  int word_order = 0;  // 2 makes it chrF++
  int beta = 2;        // recall counts beta times as much as precision
  bool lowercase = false;
  bool whitespace = false;     // white space takes part in character n-grams
  bool eps_smoothing = false;  // as NLTK and Moses smooth, instead of effective order
};
struct TerOptions {
  bool normalized = false;  // split off punctuation, unescape XML
  bool no_punct = false;
  bool asian_support = false;  // with the two above
  bool case_sensitive = false;
};

// sacrebleu 2.6.0's metrics, value for value: a perfect corpus has 100.00000000000004 BLEU here too. Rows
// become counts; counts of rows are added; the sum becomes a score. That makes bootstraps cheap.
class WHORL_API CorpusMetric {
 public:
  static CorpusMetric bleu(const BleuOptions& options = {});
  static CorpusMetric chrf(const ChrfOptions& options = {});
  static CorpusMetric ter(const TerOptions& options = {});
  // "bleu", "chrf", "chrf++" or "ter" with the options above as they stand.
  static CorpusMetric named(const std::string& name);

  // One row against its references, at least one. All rows have counts of one length.
  std::vector<double> counts(const std::string& hypothesis, const std::vector<std::string>& references) const;
  double score(const std::vector<double>& summed_counts) const;
  // references[row] are the references of hypotheses[row].
  double corpus(const std::vector<std::string>& hypotheses,
                const std::vector<std::vector<std::string>>& references) const;
  double sentence(const std::string& hypothesis, const std::vector<std::string>& references) const;

  const std::string& name() const;  // "BLEU", "chrF2", "chrF2++", "TER"
  bool higher_is_better() const;    // false for TER
  // What makes a score comparable: "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp". num_references -1 = "var".
  std::string signature(int num_references = 1) const;

  struct Impl;  // for the library itself
  const Impl& impl() const;

 private:
  explicit CorpusMetric(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

// ---- labels, whole corpora (scikit-learn) ----------------------------------------------------------------

WHORL_API double accuracy(const std::vector<std::string>& expected, const std::vector<std::string>& got);

struct F1Options {
  std::string average = "binary";  // or "macro", "micro", "weighted"
  std::string positive = "1";      // binary: the label that counts
};
struct F1Score {
  double precision = 0, recall = 0, f1 = 0;  // 0 where nothing is to be divided by
};
WHORL_API F1Score f1_score(const std::vector<std::string>& expected, const std::vector<std::string>& got,
                           const F1Options& options = {});
// Matthews' correlation for any number of classes; 0 when one side has one class only.
WHORL_API double matthews_correlation(const std::vector<std::string>& expected,
                                      const std::vector<std::string>& got);

// ---- probabilities ---------------------------------------------------------------------------------------

// Mean over rows of sum over classes (p - onehot)², as lm-evaluation-harness. probabilities[row][class];
// rows have one length; gold is an index.
WHORL_API double brier_score(const std::vector<std::vector<double>>& probabilities,
                             const std::vector<int64_t>& gold);
// Raw log-likelihoods of the classes made probabilities.
WHORL_API std::vector<double> softmax(const std::vector<double>& log_likelihoods);

struct CalibrationBin {
  double low = 0, high = 0;  // confidence in (low, high]; the first bin holds 0 as well
  int64_t n = 0;
  double confidence = 0, accuracy = 0;  // means over the bin's rows; 0 when it is empty
};
struct Calibration {
  double ece = 0;    // expected calibration error: |accuracy - confidence| weighted by rows (Guo et al. 2017)
  double mce = 0;    // the largest gap of a bin that has rows
  double brier = 0;  // mean (confidence - correct)²
  std::vector<CalibrationBin> bins;
};
// `correct` is 0 or 1 per row; confidences lie in 0..1.
WHORL_API Calibration calibration(const std::vector<double>& confidences, const std::vector<double>& correct,
                                  int bins = 10);

// One document's log-likelihood (natural logarithm) and what it is shared out over.
struct DocumentLikelihood {
  double log_likelihood = 0;
  int64_t tokens = 0, words = 0, bytes = 0;
};
// Counts words as len(re.split(r"\s+", text)) and UTF-8 bytes, both as lm-evaluation-harness does.
WHORL_API DocumentLikelihood document_likelihood(const std::string& text, double log_likelihood,
                                                 int64_t tokens);
// exp(-sum of log-likelihoods / sum of units); a unit that no document has is an error only when asked for.
struct Perplexity {
  double token = 0, word = 0, byte = 0;  // 0: no document has that unit
  double bits_per_byte = 0;
};
WHORL_API Perplexity perplexity(const std::vector<DocumentLikelihood>& documents);

// 1 - C(n-c, k) / C(n, k), the chance that one of k draws out of n samples with c right ones is right (Chen
// et al. 2021); the ratio is exact, then rounded once. n < k is an error.
WHORL_API double pass_at_k(int64_t n, int64_t c, int64_t k);

// ---- checks of one answer --------------------------------------------------------------------------------

// A check that cannot be made has no score: `error` says why, and `score` must not enter a mean.
struct CheckResult {
  double score = 0;
  std::string error = {};
};
// `operation`: "equals", "not equals", "contains", "not contains", "startswith", "endswith" (left … right).
WHORL_API CheckResult string_check(const std::string& operation, const std::string& left,
                                   const std::string& right);
// `operation`: "equals", "not equals", ">", ">=", "<", "<=", "absolute difference" (at most `epsilon`). What
// is not a finite number is an error, never NaN. Space around a number is fine.
WHORL_API CheckResult number_check(const std::string& operation, const std::string& left,
                                   const std::string& right, double epsilon = 0);

// A JSON Schema, draft 2020-12 or whatever "$schema" names (4, 6, 7, 2019-09). `$ref` stays inside the
// schema: nothing is fetched. Formats are not asserted, as in the specification. Threads may share one.
class WHORL_API JsonSchema {
 public:
  explicit JsonSchema(const std::string& schema);  // bad schema: std::invalid_argument that says where
  // What is wrong with a JSON text, one sentence per fault, empty when it is valid. Text that is not JSON is
  // one fault.
  std::vector<std::string> errors(const std::string& json) const;
  bool is_valid(const std::string& json) const;

  struct Impl;

 private:
  std::shared_ptr<const Impl> impl_;
};

// ---- tool calls (Berkeley function-calling leaderboard) --------------------------------------------------

struct BfclOptions {
  // false: the leaderboard's AST check, value for value, with its habits (greedy matching of several calls,
  // texts compared without spaces, case and punctuation, types one level deep). true: the strict variant:
  // best matching of calls, arguments valid under the function's JSON Schema at any depth, texts byte for
  // byte, no surplus calls.
  bool strict = false;
  // The leaderboard's category: "simple" (one function, one call), "multiple" (choose one), "parallel"
  // (several calls, any order). "auto": parallel for several expected calls, else multiple for several
  // functions.
  std::string category = "auto";
  bool dots_to_underscores = false;  // for models that cannot say "math.add": it is compared as "math_add"
};
struct BfclResult {
  bool valid = false;
  std::string error_type = {};  // the leaderboard's, such as "value_error:string"; "" when valid
  std::string error = {};
};
// `functions`: JSON list of the functions offered, {"name", "parameters": {"properties", "required"}};
// `possible_answers`: JSON list, one object per expected call:
// {"area": {"base": [10], "unit": ["cm", ""]}}, where "" says that the argument may be left out.
WHORL_API BfclResult bfcl_ast_check(const std::string& functions, const std::vector<ToolCall>& got,
                                    const std::string& possible_answers, const BfclOptions& options = {});

}  // namespace whorl
