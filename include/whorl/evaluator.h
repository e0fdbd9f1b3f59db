#pragma once
// Scores of a model, with or without adapters, on held-out rows: every score with n, standard error and
// confidence interval, every row kept, and no row that failed counted as if it had been answered.
#include <whorl/dataset.h>
#include <whorl/evaluate_task.h>
#include <whorl/inference_engine.h>
#include <whorl/metrics.h>
#include <whorl/statistics.h>
#include <whorl/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

// The rows of an evaluation: conversations of a Dataset, or objects with any columns for a task's templates.
class WHORL_API EvaluateData {
 public:
  EvaluateData(const Dataset& data);  // NOLINT: a Dataset is evaluation data
  // .jsonl or .json (an array), whatever the columns are called. Errors name file and line.
  static EvaluateData load(const std::filesystem::path& path);
  static EvaluateData from_jsonl(const std::string& text, const std::string& source = "memory");
  int64_t size() const;
  std::string digest() const;  // sha256, hex

  struct Impl;
  explicit EvaluateData(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<const Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

struct EvaluateOptions {
  // Any of "function_name_accuracy", "function_name_and_args_accuracy", "exact_match", "accuracy"
  // (exact_match without regard to letter case, for labels), "f1", "perplexity", or another type of
  // MetricOptions with its defaults. Perplexity is over the trained tokens of all rows and needs no
  // generation. Not used with a task.
  std::vector<std::string> metrics = {"function_name_accuracy", "function_name_and_args_accuracy"};
  std::optional<EvaluateTask> task = {};  // templates and metrics of your own
  int64_t limit = 0;                      // rows; 0 = all
  // Requests in flight; more than the engine's max_batch_size keeps its batch full. 0 = 256.
  int64_t parallelism = 0;
  SamplingOptions sampling = {};  // greedy by default
  uint64_t seed = 0;              // of resampling, and of the judge's fences
  // What a row without a usable answer (errored, unparsable, refused) counts in metrics that have a worst
  // value: "wrong" = that value; "exclude" = nothing. Metrics without one (perplexity, TER, judges) leave it
  // out. Either way Score counts such rows, each by its kind. No row with an answer is an error.
  std::string on_error = "wrong";
  // Time for asking; 0 = no limit. A run that is not done then ends with std::runtime_error; what was
  // answered is kept in `out`, and the same call goes on from there.
  double max_seconds = 0;
  // A folder that keeps every answer as it comes, and at the end scores, rows and report.html. A run that was
  // killed goes on from there, and gives what it would have given. "" = nothing is written.
  std::filesystem::path out = {};
};

struct RowScore {
  std::string id = {};      // digest of the row's contents: the same row in another run has the same
  std::string source = {};  // "test.jsonl:17"
  std::string prompt = {};  // what was asked, for people: the last message, or the prompt's text
  std::string expected = {}, got = {};        // text, or the calls as JSON
  std::map<std::string, double> scores = {};  // per metric; as counted, see EvaluateOptions::on_error
  // Per metric that could not judge the answer: "errored", "unparsable" or "refused".
  std::map<std::string, std::string> outcomes = {};
  std::string error = {};  // why: a call that does not parse, a prompt that is too long, …
  // Per corpus metric: the row's counts, of which the corpus score is made (CorpusMetric::counts).
  std::map<std::string, std::vector<double>> counts = {};
};

struct WHORL_API EvaluateResult {
  std::string task = {};     // "" without one
  std::string adapter = {};  // resolved name, "" = the base
  std::string adapter_digest = {}, model_digest = {}, data_digest = {};
  std::map<std::string, Score> scores = {};
  std::vector<RowScore> rows = {};
  // What a reader of the scores must know first: a judge that failed its canaries, …
  std::vector<std::string> warnings = {};
  double seconds = 0;
  std::map<std::string, CorpusMetric> corpus_metrics = {};  // what RowScore::counts belong to
  // {"task", "adapter", …, "seconds", "scores": {metric: {"value", "stderr", …}}, "rows": […]}
  std::string to_json() const;
};

// Two results on the same rows, paired by RowScore::id. `a` is the baseline, `b` the candidate.
struct WHORL_API Comparison {
  std::string metric = {};
  std::string a = {}, b = {};  // adapters; "" = the base
  // Row by row. For corpus metrics (BLEU, chrF, TER) that is the mean of the rows' own scores; the corpus
  // scores and their test stand in `corpus`.
  PairedComparison paired = {};
  std::optional<PairedCorpusTest> corpus = {};
  std::string to_json() const;
};
// std::invalid_argument if one lacks the metric (naming the nearest), or if no row is in both.
WHORL_API Comparison compare(const EvaluateResult& a, const EvaluateResult& b, const std::string& metric,
                             const PairedOptions& options = {});

// What a judge thinks of two results on the same rows, asked twice per row with the answers swapped.
struct WHORL_API JudgedPairs {
  struct Row {
    std::string id, source;
    std::string verdict;        // "a", "b", "tie", "refused", "unparsable" or "errored"
    std::string first, second;  // as given: with a's answer shown first, with b's answer shown first
    bool flipped = false;       // the two disagreed: the verdict follows the position, and counts as a tie
    std::string error = {};     // why there is no verdict
  };
  std::vector<Row> rows;
  int64_t wins_a = 0, wins_b = 0, ties = 0, refused = 0, unparsable = 0, errored = 0;
  Score win_rate;   // of b: a win counts 1, a tie 1/2, over the rows with a verdict
  Score flip_rate;  // over the same rows
  std::string to_json() const;
};

// One self-contained page: scores with intervals, comparisons, rows, settings. No scripts, no network.
WHORL_API std::string report_html(const std::vector<EvaluateResult>& results,
                                  const std::vector<Comparison>& comparisons = {},
                                  const std::string& title = "Evaluation");

// The last assistant message of a row is what is expected; what stands before it is the prompt.
class WHORL_API Evaluator {
 public:
  explicit Evaluator(InferenceEngine& engine);  // must outlive the evaluator
  ~Evaluator();
  EvaluateResult run(const EvaluateData& data, const std::string& adapter = {},
                     const EvaluateOptions& options = {});
  // Several adapters ("" = base) in one batch; results in the order given. An adapter means the version that
  // it has at the start, whatever is published meanwhile.
  std::vector<EvaluateResult> run(const EvaluateData& data, const std::vector<std::string>& adapters,
                                  const EvaluateOptions& options = {});
  // Pairwise: which of two results' answers is better. Rows that are not in both are left out.
  JudgedPairs judge(const EvaluateResult& a, const EvaluateResult& b, const JudgeOptions& options = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- metrics of one row ----------------------------------------------------------------------------------

// Tool calls: several calls match in any order, keys of arguments in any order, 1 equals 1.0, strings byte
// for byte; a surplus or missing call is no match, and no call expected and none got is one. Expected
// arguments that are not JSON are std::invalid_argument; got ones match nothing.
WHORL_API double function_name_match(const std::vector<ToolCall>& expected, const std::vector<ToolCall>& got);
WHORL_API double function_name_and_args_match(const std::vector<ToolCall>& expected,
                                              const std::vector<ToolCall>& got);
WHORL_API double exact_match(const std::string& expected, const std::string& got);  // after trimming
WHORL_API double token_f1(const std::string& expected,
                          const std::string& got);  // SQuAD's normalisation; 1 when both are empty
// Mean with standard error; the interval is Wilson's for values of 0 and 1, Student's t otherwise.
WHORL_API Score summarize(const std::vector<double>& values);

}  // namespace whorl
