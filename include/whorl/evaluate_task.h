#pragma once
// What an evaluation asks and how it scores the answers, as data: the custom tasks of NeMo's evaluator, with
// templates over `item` (the row) and `sample` (what the model answered).
//
// Templates are Jinja. They see:
//   item      the row: its columns, and for conversations `messages` (without the answer) and `tools`
//   expected  the row's own answer as text, where it has one: its last assistant message, or its completion
//   sample    sample.output_text; sample.response (OpenAI's form); sample.tool_calls; sample.finish_reason
// Keys are also reached as NeMo spells them: letters lowered, what is no letter or digit an underscore. In
// data tasks the row's columns are names of their own too. A name that is not there is an error of that row,
// never an empty text. Templates run under limits: one that loops or grows without end is an error as well.
#include <whorl/inference_engine.h>
#include <whorl/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

// An answer about which there is no doubt, to try a judge on.
struct JudgeCanary {
  std::string answer = {};     // what is judged
  std::string verdict = {};    // the one of the judge's options that is right
  std::string question = {};   // "" = none is shown
  std::string reference = {};  // a right answer; "" = none is shown
  std::string criteria = {};   // text; "" = the judge's own, if they do without a row
};

// A model that judges answers. Its verdict is constrained to `options`, so it cannot be unparsable; all text
// under judgement stands between fences drawn at random for each row, which the text cannot close.
struct JudgeOptions {
  std::string adapter = {};   // of the judge: "" = the base
  std::string criteria = {};  // template; what a good answer is. "" = correct, helpful and to the point
  // The verdicts, from worst to best.
  std::vector<std::string> options = {"1", "2", "3", "4", "5"};
  std::vector<double> values =
      {};  // of each verdict; empty = the number it spells, otherwise its place, 0, 1, …
  // Adds a verdict by which the judge declines; such rows are counted as refused and left out of the mean.
  bool may_refuse = true;
  // Also scores every option's likelihood, and reports the mean under the judge's own distribution. Costs one
  // prompt per option and row.
  bool expectation = true;
  std::string system = {};  // "" = Whorl's instructions to a judge
  uint64_t seed = 0;        // of the fences
  // What people said of the row's answer: a template that gives one of `options`, or "" where nobody said
  // anything ("{{ item.human | default('') }}"). Adds the score "<name>.kappa": Cohen's kappa of judge and
  // people with its interval. A verdict that the judge declined agrees with nobody. Not pairwise.
  std::string label = {};
  // Judged beside the rows, and no part of the mean. Adds the score "<name>.canaries", the share that the
  // judge got right; one that it got wrong makes EvaluateResult::warnings say that it is not to be trusted.
  std::vector<JudgeCanary> canaries = {};
};

// One metric of a task.
struct MetricOptions {
  // "exact_match", "accuracy", "f1", "perplexity", "function_name_accuracy",
  // "function_name_and_args_accuracy", "tool-calling" (both), "bleu", "chrf", "ter", "rouge", "string-check",
  // "number-check", "json-schema", "llm-judge", "llm-judge-pairwise". NeMo's spelling and ours both count:
  // '-' and '_' are the same.
  std::string type = "exact_match";
  std::string name = {};       // its key in the result; "" = its type
  std::string candidate = {};  // template; "" = {{ sample.output_text }}
  // Templates; empty = {{ expected }}. Several are alternatives, of which the best counts.
  std::vector<std::string> references = {};
  // "string-check" and "number-check": left template, operation, right template. Operations on strings:
  // and on numbers: see string_check() and number_check(). What is no number is counted as unparsable.
  std::vector<std::string> check = {};
  std::string tool_calls_ground_truth = {};  // template that gives a JSON list; "" = the row's own calls
  std::string params = {};                   // JSON object: {"use_stemmer": true}, {"schema": {…}}, …
  JudgeOptions judge = {};                   // "llm-judge" and "llm-judge-pairwise"
};

struct EvaluateTask {
  std::string name = "default";
  // "chat" and "completion" ask the model; "data" scores what stands in the rows, without a model.
  std::string type = "chat";
  // JSON of the request whose strings are templates: {"messages": [{"role": "user", "content":
  // "{{ item.question }}"}], "tools": "{{ item.tools | tojson }}"} or {"prompt": "Q: {{ item.question }}
  // A:"}; also "tool_choice", "json_schema", "regex" and "template_variables". "" = the row as it stands.
  std::string prompt_template = {};
  std::vector<MetricOptions> metrics = {};
  // Where the task's own file says so; unset = what EvaluateOptions says.
  std::optional<SamplingOptions> sampling = {};
  int64_t limit = 0, parallelism = 0;
  std::string data = {};  // path of the rows, as the file gives it, for whoever loads them

  // A task, or NeMo's configuration {"type": "custom", "params": …, "tasks": {name: task}} with any number of
  // them. `source` opens every message. A key that is not known is an error that names the nearest.
  static std::vector<EvaluateTask> WHORL_API from_json(const std::string& json,
                                                       const std::string& source = "task");
  std::string WHORL_API to_json() const;
};

}  // namespace whorl
