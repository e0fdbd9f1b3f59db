#pragma once
// What each metric makes of each row, and what the rows' values are together.
#include <memory>
#include <string>
#include <vector>

#include "eval/questions.h"
#include "whorl/evaluator.h"

namespace whorl::eval {

struct Value {
  enum class Kind : uint8_t { scored, errored, unparsable, refused };
  Kind kind = Kind::scored;
  double value = 0;
  std::string why = {};
  std::vector<double> counts = {};  // corpus metrics
  std::string label = {};           // of what was chosen, where that has a name

  static Value of(double value) { return {.value = value}; }
  static Value errored(std::string why) { return {.kind = Kind::errored, .why = std::move(why)}; }
  static Value unparsable(std::string why) { return {.kind = Kind::unparsable, .why = std::move(why)}; }
  static Value refused(std::string why) { return {.kind = Kind::refused, .why = std::move(why)}; }
};
const char* name_of(Value::Kind kind);

// One row with its answer.
struct Case {
  const Item* item = nullptr;
  const Question* question = nullptr;
  const Answer* answer = nullptr;
  std::string context = {};  // of templates
};

// What a judge needs besides the rows.
struct Bench {
  InferenceEngine* engine = nullptr;
  AnswerCache* cache = nullptr;
  Pace pace = {};
  uint64_t seed = 0;
};

class Metric {
 public:
  virtual ~Metric() = default;
  virtual std::vector<std::string> names() const = 0;  // of its scores
  // values[name][row]; rows without an answer included.
  virtual std::vector<std::vector<Value>> score(const std::vector<Case>& cases, const Bench& bench) const = 0;
  // What a row without a usable value counts under on_error = "wrong"; nothing: it is left out.
  virtual std::optional<Value> worst(size_t name, const Case& one) const = 0;
  virtual Score total(size_t name, const std::vector<Value>& counted, uint64_t seed) const;
  virtual const CorpusMetric* corpus(size_t) const { return nullptr; }  // of Value::counts
  // Scores and warnings about the whole run, in which no row has a part. `values` are those of score().
  virtual void add_whole(const std::vector<Case>&, const std::vector<std::vector<Value>>&, const Bench&,
                         EvaluateResult&) const {}
};

// A metric that looks at one row at a time.
class RowMetric : public Metric {
 public:
  std::vector<std::vector<Value>> score(const std::vector<Case>& cases, const Bench& bench) const override;
  std::optional<Value> worst(size_t, const Case&) const override { return Value::of(0); }

 protected:
  // Of a row that has an answer: one value per name. What templates throw is the row's error.
  virtual std::vector<Value> score_row(const Case& one) const = 0;
};

// The parts of a metric that templates give.
struct Texts {
  const Templates* templates = nullptr;
  MetricOptions options;
  std::string candidate(const Case& one) const;
  std::vector<std::string> references(const Case& one) const;  // at least one
  std::vector<ToolCall> calls(const Case& one) const;          // expected ones
};

// std::invalid_argument naming the nearest type, or the key of `params` that is not known.
std::unique_ptr<Metric> make_metric(const MetricOptions& options, const Templates& templates);
std::unique_ptr<Metric> make_text_metric(const std::string& type, const std::string& name, const Texts& texts,
                                         const base::Json& params);
std::unique_ptr<Metric> make_corpus_metric(const std::string& type, const std::string& name,
                                           const Texts& texts, const base::Json& params);
std::unique_ptr<Metric> make_check_metric(const std::string& type, const std::string& name,
                                          const Texts& texts, const base::Json& params);
std::unique_ptr<Metric> make_call_metric(const std::string& type, const std::string& name, const Texts& texts,
                                         const base::Json& params);
std::unique_ptr<Metric> make_judge_metric(const std::string& type, const std::string& name,
                                          const Texts& texts, const base::Json& params);

// Adds one metric's scores to `result`, whose rows are the cases.
void add_scores(const Metric& metric, const std::vector<Case>& cases, const Bench& bench, bool exclude,
                EvaluateResult& result);

}  // namespace whorl::eval
