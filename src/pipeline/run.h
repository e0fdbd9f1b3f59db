#pragma once
// The local run: the walk of walk.h with threads, files and a clock around it.
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/cache.h"
#include "pipeline/pipeline_impl.h"
#include "pipeline/plan.h"
#include "pipeline/run_folder.h"
#include "pipeline/run_store.h"
#include "pipeline/steps.h"
#include "pipeline/walk.h"

namespace whorl::pipeline {

// For tests: time that passes only when everybody waits.
struct RunHooks {
  std::function<double()> now = {};       // seconds; unset = the steady clock
  std::function<void(double)> skip = {};  // called instead of waiting for a back-off
};

// What is free of the budget.
class Budget {
 public:
  explicit Budget(const PipelineBudget& total);
  // Resources of the step, with parameters and defaults filled in.
  PipelineBudget need_of(const Step& step, const ParameterValues& parameters) const;
  // std::invalid_argument if the step would never fit.
  void check(const Step& step, const ParameterValues& parameters) const;
  bool take(const PipelineBudget& need);
  void give(const PipelineBudget& need);

 private:
  PipelineBudget total_, free_;
};

class Run {
 public:
  Run(const Pipeline::Impl& pipeline, const PipelineRunOptions& options, const PipelineCallback& callback,
      RunHooks hooks = {});
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  PipelineResult go();
  // One attempt of one instance, whose needs have succeeded in the run `options.run_id`; nobody else's
  // business is touched, so that others may do the same beside it.
  PipelineStepResult go_one(const std::string& step, int64_t item, const std::string& run_state);

 private:
  struct Job {
    std::vector<InstanceId> ids;
    PipelineBudget need;
    std::thread thread;
  };
  struct Message {
    size_t job = 0;
    bool done = false;
    std::string text = {};      // of a failure
    JobProgress progress = {};  // when it is not done
    std::vector<Object> outputs = {};
    Fault fault = Fault::none;
  };

  void open_run();
  void open_beside();
  void read_needs(size_t step);
  void attempt_one(InstanceId id);
  std::string choose_run();
  void clean() const;
  double now() const;
  void start_ready();
  void consider(InstanceId id);
  bool settled_without_running(InstanceId id);
  JobItem prepared(InstanceId id);
  std::optional<CachedResult> cached(const Step& step, const std::string& key) const;
  std::vector<Object> perform(JobContext& context) const;
  void launch(const std::vector<InstanceId>& ids);
  void work(size_t job, const Step& step, std::vector<JobItem> items, int64_t attempt,
            const std::string& log);
  void wait();
  void handle(Message message);
  void finish_job(Message& message);
  void succeed(InstanceId id, Object outputs, bool cached);
  void fail(InstanceId id, Fault fault, const std::string& message);
  void note_ends();
  void emit(PipelineEvent event);
  void emit(InstanceId id, const std::string& state, const JobProgress& progress = {});
  void cancel();
  StepRecord& record(InstanceId id);
  const Object* outputs_of(size_t step, size_t item);
  PlanView view();
  PipelineResult result() const;
  PipelineStepResult step_result(const StepRecord& record) const;

  const Pipeline::Impl& pipeline_;
  const Spec& spec_;
  const PipelineRunOptions& options_;
  const PipelineCallback& callback_;
  RunHooks hooks_;
  ParameterValues parameters_;
  std::vector<List> items_;
  RunStore store_;
  ResultCache cache_;
  InputDigests inputs_;
  ModelCache models_;
  Budget budget_;
  std::unique_ptr<RunFolder> folder_;
  RunRecord run_;
  std::optional<Walk> walk_;
  std::map<InstanceId, StepRecord> records_;
  std::map<InstanceId, JobItem> prepared_;
  std::map<size_t, Job> jobs_;
  size_t next_job_ = 0;
  std::atomic<bool> cancelled_{false}, exit_cancelled_{false};
  std::exception_ptr callback_error_;
  double begun_ = 0;
  std::string exit_state_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Message> messages_;
};

}  // namespace whorl::pipeline
