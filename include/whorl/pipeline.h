#pragma once
// A pipeline: typed steps, what each needs, and what happens when one fails. It is data first: the same
// canonical JSON whether it was written in C++, Python, YAML or JSON, with one digest and one validator; then
// it is run here, or turned into Kubernetes and Argo manifests, with the same meaning.
//
// References in `with`, `when` and `foreach`, as a whole value (which keeps its type) or inside a text:
//   ${parameters.NAME}  ${steps.STEP.outputs.KEY}  ${item}  ${item.KEY}
// in command steps also ${inputs.NAME}, in exit steps also ${run.state} and ${run.id}; "$${" is a plain "${".
// There are no other expressions. A reference to a step's output is a need. The outputs of a foreach step are
// lists, one entry per item, null where the item has none.
#include <whorl/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

// Values of type "string" are written as they are, those of other types as JSON: "8", "0.5", "true", "[1,
// 2]".
struct PipelineParameter {
  std::string name;
  std::string type = "string";                    // "string", "int", "float", "bool" or "list" (for foreach)
  std::optional<std::string> default_value = {};  // unset: must be given to run()
  std::vector<std::string> choices = {};          // empty = any
  std::string description = {};
};

// All conditions of a step must hold, or it is skipped (and what needs it, omitted). Numbers compare as
// numbers.
struct PipelineCondition {
  std::string left;       // JSON, or where it is none, a text: "${steps.gate.outputs.passed}"
  std::string op = "==";  // "==", "!=", "<", "<=", ">", ">=", "in" (right is a list)
  std::string right;      // as left
};

struct PipelineRetry {
  int64_t limit = 0;  // further attempts after the first
  // "infrastructure": only what was not the code's fault: killed by SIGKILL, SIGTERM or SIGHUP, exit status
  // 85, 129, 137 or 143, a disk that fails, std::runtime_error of the library. "any": also the code's own
  // errors and timeouts. "never". A gate that rejects and what was cancelled are never tried again.
  std::string policy = "infrastructure";
  double backoff_seconds = 1;        // before the second attempt
  double backoff_factor = 2;         // times so much before each further one
  double backoff_max_seconds = 300;  // never longer
};

struct PipelineToleration {
  std::string key = {}, op = "Equal", value = {}, effect = {};  // op: "Equal" or "Exists"
  int64_t seconds = -1;  // tolerationSeconds of effect NoExecute; -1 = for ever
};

struct PipelineVolume {
  std::string name, mount_path;
  // One of the three: an existing claim, an existing secret, or (all empty) an empty folder of the pod.
  std::string claim = {}, secret = {}, config_map = {};
  uint64_t size_bytes = 0;  // of an empty folder; 0 = no limit
  bool read_only = false;
};

// What a step takes while it runs. Locally cpus, memory_bytes and gpus are drawn from the budget.
struct PipelineResources {
  double cpus = 0;  // 0: one; train and evaluate: all of the budget
  uint64_t memory_bytes = 0;
  int64_t gpus = 0;
  // On the cluster:
  std::map<std::string, std::string> node_selector = {};
  std::vector<PipelineToleration> tolerations = {};
  std::vector<PipelineVolume> volumes = {};
  std::string image = {};  // by digest: "registry/name@sha256:…"; "" = that of the manifests' options
  // Which of "cpus", "memory_bytes" and "gpus" a parameter of the pipeline gives: {"gpus": "gpu_count"}. In
  // JSON and YAML "gpus: ${parameters.gpu_count}". Of type int; for cpus also float.
  std::map<std::string, std::string> parameters = {};
};

// What a python or command step leaves behind; other kinds have outputs of their own.
struct PipelineOutput {
  std::string path = {};  // beneath the step's folder; "" (python): a value that the function returns;
                          // "-" (command): standard output
  // "artifact" (file or folder), "json" or "text" (a value, read from the file); "": artifact with a path,
  // json without, text for "-".
  std::string type = {};
};

struct PipelineStep {
  std::string name;                     // ^[a-z][a-z0-9-]*$, at most 63 characters
  std::string kind;                     // see kinds() for each kind's arguments and outputs
  std::vector<std::string> needs = {};  // besides the steps that `with` and `when` refer to
  std::string with = "{}";              // the kind's arguments, a JSON object
  std::string foreach = {};  // JSON: a list, {"grid": {"rank": [8, 32], …}}, or "${parameters.NAME}"
  std::vector<PipelineCondition> when = {};
  PipelineRetry retry = {};
  double timeout_seconds = 0;          // of one attempt; 0 = none
  std::string failure_policy = "all";  // foreach: "all", "any" or "at_least N" items must succeed
  std::map<std::string, PipelineOutput> outputs = {};
  PipelineResources resources = {};
  bool cache = true;  // false: runs every time, for steps whose effect lies outside
  std::string description = {};
};

// What may run at once, all steps together.
struct PipelineBudget {
  double cpus = 0;            // 0 = those of this process
  uint64_t memory_bytes = 0;  // 0 = not counted
  int64_t gpus = 0;
};

// ---- running -------------------------------------------------------------------------------------------

// What a registered function gets.
class WHORL_API PipelineContext {
 public:
  virtual ~PipelineContext() = default;
  virtual std::string step() const = 0;       // "score", or "score.3" for an item
  virtual int64_t attempt() const = 0;        // 1, 2, …
  virtual std::string arguments() const = 0;  // JSON object, references replaced
  virtual std::map<std::string, std::filesystem::path> inputs() const = 0;
  virtual std::filesystem::path folder() const = 0;  // its own; declared outputs are looked for here
  virtual void log(const std::string& line) const = 0;
  virtual void progress(double share, const std::string& message = {}) const = 0;  // share: 0 … 1
  virtual bool cancelled() const = 0;  // return soon: the run is stopped, or the time is up
};
// Returns a JSON object with the values of the outputs that have no path. What it throws fails the attempt:
// std::invalid_argument and std::logic_error are the code's fault, other std::runtime_error the world's.
using PipelineFunction = std::function<std::string(const PipelineContext&)>;

struct PipelineRunOptions {
  // Artifacts, cache, logs and states of all runs. Everything a kill leaves behind is here.
  std::filesystem::path folder = "pipeline-runs";
  std::map<std::string, std::string> parameters = {};  // written as in PipelineParameter
  // "" = go on with the latest unfinished run of the same pipeline and parameters, else begin a new one. A
  // name goes on with that run, or begins it.
  std::string run_id = {};
  bool resume = true;          // false: with an empty run_id always begin a new run
  bool cache = true;           // false: run every step, and write to the cache all the same
  PipelineBudget budget = {};  // what is 0 here is the pipeline's own
};

// Something happened to a step; or, with an empty `step`, to the run.
struct PipelineEvent {
  std::string run_id, step;  // "train", or "train.3" for an item
  std::string state;  // "started", "progress", "retrying", or as PipelineStepResult::state when it ended
  int64_t attempt = 0;
  double progress = -1;      // 0 … 1; -1 = unknown
  double seconds = 0;        // since the run began
  bool cached = false;       // succeeded without running
  std::string message = {};  // why it failed, what it does
  // JSON object. Of a "progress" event what is measured; train: the fields of Progress (loss,
  // validation_loss, tokens_per_second, seconds_left, …), not-a-number as null. Of a "succeeded" event the
  // step's outputs, as PipelineStepResult::outputs.
  std::string details = "{}";
};
// Called on the thread that called run(), one at a time, and while nothing else happens with "progress" of
// the run four times a second. Return false to cancel: running steps are stopped, exit steps still run.
using PipelineCallback = std::function<bool(const PipelineEvent&)>;

struct PipelineStepResult {
  std::string name;    // "train", or "train.3" for an item
  std::string step;    // "train"
  int64_t index = -1;  // of the item; -1 without foreach
  std::string kind;
  std::string item = {};  // JSON; "" without foreach
  std::string state;  // "succeeded", "failed", "skipped" (its condition), "omitted" (a need) or "cancelled"
  std::string fault = {};  // of a failure: "code", "infrastructure", "timeout" or "rejected" (a gate)
  std::string message = {};
  int64_t attempts = 0;
  double started = 0, seconds = 0;  // since the run began; all attempts with their back-offs
  bool cached = false;
  std::string outputs = "{}";      // JSON; artifacts are {"artifact": digest, "name": …, "path": …}
  std::string key = {};            // what the cache knows it by
  std::filesystem::path log = {};  // "" if it never began
};

struct WHORL_API PipelineResult {
  std::string run_id, pipeline, digest;
  std::string state;  // "succeeded", "failed" or "cancelled"
  double seconds = 0;
  std::filesystem::path folder;           // of the run
  std::vector<PipelineStepResult> steps;  // in the order of the pipeline
  std::string to_json() const;
  // JSON of one output; std::invalid_argument names the nearest. Without `step.item` all items as a list.
  std::string output(const std::string& step, const std::string& key) const;
};

// A value: copies are independent. const members are safe from several threads, run() too.
class WHORL_API Pipeline {
 public:
  explicit Pipeline(const std::string& name, const std::string& description = {});
  // A .yaml, .yml or .json file; relative paths in it are relative to it. Errors name file, line, step,
  // field.
  static Pipeline load(const std::filesystem::path& file);
  static Pipeline from_json(const std::string& text);
  static Pipeline from_yaml(const std::string& text, const std::string& source = "pipeline.yaml");
  ~Pipeline();
  Pipeline(const Pipeline&);
  Pipeline& operator=(const Pipeline&);
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  Pipeline& parameter(const PipelineParameter& parameter);
  Pipeline& step(const PipelineStep& step);
  Pipeline& on_exit(const std::vector<std::string>& steps);  // run at the end, whatever happened
  Pipeline& budget(const PipelineBudget& budget);
  // What python steps call. Change `version` when the function changes: it is its part of the cache key.
  Pipeline& function(const std::string& name, PipelineFunction function, const std::string& version = "1");
  // Where relative paths begin; load() sets the file's folder, otherwise the working folder.
  Pipeline& folder(const std::filesystem::path& folder);

  const std::string& name() const;
  std::string to_json() const;  // canonical: the same pipeline gives the same bytes
  std::string digest() const;   // SHA-256 of them
  // Throws std::invalid_argument with every problem, one a line, each naming step and field.
  void validate() const;

  // Validates, then runs what the cache does not know. A failed step is no exception but a state in the
  // result. std::invalid_argument: the pipeline, a parameter, a function that is not registered, a step that
  // would never fit into the budget. std::runtime_error: the folder cannot be written, or another process
  // walks this run. An exception of the callback cancels the run, and is thrown when it has ended. Time
  // limits stop commands at once, with their children; training after the running optimizer step, with a
  // checkpoint; functions when they look at cancelled(); other kinds when they end.
  PipelineResult run(const PipelineRunOptions& options = {}, const PipelineCallback& callback = {}) const;

  // One attempt of one step, or of one item (-1: no foreach), of the run `options.run_id`, in which its needs
  // have succeeded: what a cluster's pod does, its retries being the cluster's. Several at once are fine.
  // `run_state` is what ${run.state} says to an exit step.
  PipelineStepResult run_step(const std::string& step, int64_t item, const PipelineRunOptions& options,
                              const std::string& run_state = "running",
                              const PipelineCallback& callback = {}) const;

  // The kinds of steps with their arguments and outputs, as JSON.
  static std::string kinds();

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// One self-contained HTML page of a run: the graph with states and times, outputs, logs' ends, lineage. `run`
// is a run's folder (PipelineResult::folder).
WHORL_API void write_pipeline_report(const std::filesystem::path& run, const std::filesystem::path& html);

}  // namespace whorl
