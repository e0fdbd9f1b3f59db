#pragma once
// What runs a step: one function per kind, on a thread of its own, with everything it may touch in
// JobContext.
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pipeline/cache.h"
#include "pipeline/pipeline_impl.h"
#include "pipeline/run_store.h"
#include "pipeline/walk.h"
#include "whorl/dataset.h"
#include "whorl/model.h"

namespace whorl::pipeline {

// A failure whose fault is known.
class StepError : public std::runtime_error {
 public:
  StepError(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

// Base models by content, loaded once a run and shared by its steps.
class ModelCache {
 public:
  Model get(const std::string& path, const std::string& digest, int64_t threads);

 private:
  std::mutex mutex_;
  std::map<std::string, Model> models_;
};

struct JobItem {
  InstanceId id;
  std::string name;  // "train.3"
  std::string key;
  Value item;
  Object with;   // substituted; artifacts by digest
  Object local;  // the same with paths, relative ones resolved
};

// How far a job is. `item` is an index into its items; -1 = all of them.
struct JobProgress {
  double share = -1;  // 0 … 1; -1 = unknown
  std::string message = {};
  int64_t item = -1;
  std::string details = "{}";  // PipelineEvent::details
};

// What a run shares among its jobs.
struct JobServices {
  const RunStore& store;
  InputDigests& inputs;
  ModelCache& models;
  const std::map<std::string, Pipeline::Impl::Function>& functions;
  std::string folder;  // where relative paths begin
  const std::atomic<bool>& cancelled;
  std::function<void(const JobProgress&)> report;
};

class JobContext {
 public:
  JobContext(const JobServices& services, const Step& step, std::vector<JobItem> items, int64_t attempt,
             std::string log_path);
  ~JobContext();
  JobContext(const JobContext&) = delete;
  JobContext& operator=(const JobContext&) = delete;

  const JobServices& services;
  const Step& step;
  const std::vector<JobItem> items;
  const int64_t attempt;
  const std::string log_path;

  const JobItem& only() const { return items.front(); }
  const Object& with() const { return only().local; }
  std::string where() const;  // "[Pipeline.run] step 'train.3'"

  const std::string& scratch();  // an empty folder, removed at the end of the attempt
  // A folder that the same work finds again after a kill; while another process does the same work, one of
  // this attempt's own. Removed by forget().
  const std::string& kept_folder();
  void forget();

  void log(const std::string& line) const;
  void progress(const JobProgress& progress) const { services.report(progress); }
  bool stopped() const;         // cancelled, or the time is up
  void check_stop() const;      // throws StepError
  double seconds_left() const;  // of the attempt; infinite without timeout

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::string scratch_, kept_;
  int lock_ = -1;
};

// Outputs of each item, in their order. Throws StepError, or what the library threw.
std::vector<Object> run_kind(JobContext& job);
Fault fault_of(const std::exception& error);

// Arguments that are there, or the default.
std::string text_or(const Object& with, const char* name, const std::string& fallback);
int64_t integer_or(const Object& with, const char* name, int64_t fallback);
double number_or(const Object& with, const char* name, double fallback);
bool boolean_or(const Object& with, const char* name, bool fallback);
std::vector<std::string> texts_or(const Object& with, const char* name, std::vector<std::string> fallback);
const Object* object_or_null(const Object& with, const char* name);

// Outputs that the step declared, collected from `folder`; `returned` holds those without a path,
// `standard_output` is the text behind "-".
Object collect_outputs(JobContext& job, const std::string& folder, const Object& returned,
                       const std::string& standard_output);

// What several kinds read alike: the argument `base` (with `threads`), the rows of the argument `name`, and
// PEFT folders under the argument `adapters`, called by their folders' names.
Model base_of(JobContext& job);
LoadOptions load_options(const Object& with);
Dataset rows_of(JobContext& job, const char* name);
struct NamedAdapter {
  std::string name, path;
  Value entry;  // as in `with`: an artifact, or the path as written
};
std::vector<NamedAdapter> adapters_of(JobContext& job);

Object run_curate(JobContext& job);
std::vector<Object> run_train(JobContext& job);
Object run_evaluate(JobContext& job);
Object run_gate(JobContext& job);
Object run_publish(JobContext& job);
Object run_guard_check(JobContext& job);
Object run_python(JobContext& job);
Object run_command(JobContext& job);

}  // namespace whorl::pipeline
