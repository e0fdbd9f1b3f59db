#pragma once
// Scores of a model, with or without adapters, on held-out rows: every score with n, standard error and
// confidence interval, every row kept.
#include <whorl/dataset.h>
#include <whorl/inference_engine.h>
#include <whorl/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

struct EvaluateOptions {
  // Any of "function_name_accuracy", "function_name_and_args_accuracy", "exact_match", "accuracy"
  // (exact_match without regard to letter case, for labels), "f1", "perplexity". Perplexity is over the
  // trained tokens of all rows and needs no generation.
  std::vector<std::string> metrics = {"function_name_accuracy", "function_name_and_args_accuracy"};
  int64_t limit = 0;              // rows; 0 = all
  SamplingOptions sampling = {};  // greedy by default
  uint64_t seed = 0;              // of the bootstrap, which gives perplexity its interval
};

struct RowScore {
  std::string source = {};
  std::string expected = {}, got = {};        // text, or the calls as JSON
  std::map<std::string, double> scores = {};  // per metric
  std::string error = {};                     // a generated call that does not parse, and why
};

struct WHORL_API EvaluateResult {
  std::string adapter;  // resolved name, "" = the base
  std::map<std::string, Score> scores;
  std::vector<RowScore> rows;
  double seconds = 0;
  std::string to_json()
      const;  // {"adapter", "seconds", "scores": {metric: {"value", "stderr", …}}, "rows": […]}
};

// The last assistant message of a row is what is expected; what stands before it is the prompt.
class WHORL_API Evaluator {
 public:
  explicit Evaluator(InferenceEngine& engine);  // must outlive the evaluator
  ~Evaluator();
  EvaluateResult run(const Dataset& data, const std::string& adapter = {},
                     const EvaluateOptions& options = {});
  // Several adapters ("" = base) in one batch; results in the order given.
  std::vector<EvaluateResult> run(const Dataset& data, const std::vector<std::string>& adapters,
                                  const EvaluateOptions& options = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The metrics alone, for one row each.
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
