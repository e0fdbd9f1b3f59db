// One step of a run by itself: what a pod of a cluster does. Its needs' results, and its own, are records in
// the run's folder, which all pods share.
#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "pipeline/kinds.h"
#include "pipeline/run.h"

namespace whorl {
namespace pipeline {

void Run::open_beside() {
  base::check_argument(!options_.run_id.empty(),
                       "[Pipeline.run_step] expected a run_id: steps of one run find "
                       "each other by it");
  run_.pipeline = spec_.name;
  run_.digest = digest(spec_);
  run_.parameters = parameters_;
  run_.plan = canonical_json(spec_);
  run_.run_id = options_.run_id;
  run_.state = "running";
  folder_ = std::make_unique<RunFolder>(store_.fs(), store_.root(), run_.run_id);
  const auto before = folder_->read_run();
  if (!before) {
    const std::chrono::duration<double> since = std::chrono::system_clock::now().time_since_epoch();
    run_.started_at = since.count();
    folder_->write_run(run_);
  } else if (before->digest != run_.digest || before->parameters != parameters_) {
    base::invalid("[Pipeline.run_step] run '", run_.run_id,
                  "' belongs to another pipeline, or to other parameters");
  }
}

// Exit steps take what there is, but for other exit steps; others need their needs.
void Run::read_needs(size_t step) {
  const auto required = awaited(spec_, spec_.steps[step]);
  for (const size_t need : needs_of(spec_, spec_.steps[step])) {
    const Step& needed = spec_.steps[need];
    size_t succeeded = 0, counted = 0;
    for (size_t item = 0; item < items_[need].size(); ++item) {
      const auto found = folder_->read_step(instance_name(needed, item));
      if (found) records_[{need, item}] = *found;
      const State state = found ? found->state : State::waiting;
      succeeded += state == State::succeeded;
      counted += state != State::skipped;
    }
    const bool none = counted == 0 && !items_[need].empty();
    const bool taken = std::find(required.begin(), required.end(), need) == required.end();
    if (taken || (satisfied(needed.failure_policy, succeeded, counted) && !none)) continue;
    base::invalid("[Pipeline.run_step] step '", spec_.steps[step].name, "' needs '", needed.name,
                  "', which has not succeeded in run '", run_.run_id, "': ", succeeded, " of ", counted,
                  " items");
  }
}

PipelineStepResult Run::go_one(const std::string& step, int64_t item, const std::string& run_state) {
  std::vector<std::string> names;
  for (const auto& known : spec_.steps) names.push_back(known.name);
  base::check_argument(spec_.find(step) != nullptr, "[Pipeline.run_step] no step '",
                       base::printable(step, 80), "'", base::did_you_mean(step, names));
  const size_t index = spec_.index_of(step);
  const bool repeats = spec_.steps[index].repeats();
  base::check_argument(repeats == (item >= 0), "[Pipeline.run_step] step '", step, "' ",
                       repeats ? "has a foreach: give an item" : "has no foreach: the item is -1");
  const InstanceId id{index, static_cast<size_t>(std::max<int64_t>(item, 0))};
  base::check_argument(id.item < items_[index].size(), "[Pipeline.run_step] step '", step, "' has ",
                       items_[index].size(), " items, got item ", item);
  open_beside();
  exit_state_ = run_state;
  read_needs(index);
  const auto before = folder_->read_step(instance_name(spec_.steps[index], id.item));
  record(id).attempts = before ? before->attempts + 1 : 1;
  attempt_one(id);
  folder_->write_step(record(id));
  return step_result(record(id));
}

void Run::attempt_one(InstanceId id) {
  const Step& step = spec_.steps[id.step];
  auto& written = record(id);
  const std::atomic<bool>& stop = cancelled_;
  const auto told = [&](const std::string& state, const JobProgress& progress) {
    emit({.run_id = run_.run_id,
          .step = written.name,
          .state = state,
          .attempt = written.attempts,
          .progress = progress.share,
          .seconds = 0,
          .cached = written.cached,
          .message = progress.message,
          .details = state == "succeeded" ? step_result(written).outputs : progress.details});
  };
  try {
    if (!conditions_hold(view(), step, items_[id.step][id.item])) {
      written.state = State::skipped;
      return;
    }
    JobItem item = prepared(id);
    written.key = item.key;
    if (auto known = cached(step, item.key)) {
      written.outputs = std::move(known->outputs);
      written.cached = true;
    } else {
      told("started", {});
      const JobServices services{store_,
                                 inputs_,
                                 models_,
                                 pipeline_.functions,
                                 spec_.folder,
                                 stop,
                                 [&](const JobProgress& progress) { told("progress", progress); }};
      JobContext context(services, step, {item}, written.attempts, folder_->log_path(item.name));
      written.outputs = perform(context).front();
    }
    written.state = State::succeeded;
  } catch (const std::exception& error) {
    written.fault = fault_of(error);
    written.state = written.fault == Fault::cancelled ? State::cancelled : State::failed;
    written.message = error.what();
  }
  written.seconds = now() - begun_;
  told(name_of(written.state), {.message = written.message});
}

}  // namespace pipeline

PipelineStepResult Pipeline::run_step(const std::string& step, int64_t item,
                                      const PipelineRunOptions& options, const std::string& run_state,
                                      const PipelineCallback& callback) const {
  return pipeline::Run(*impl_, options, callback).go_one(step, item, run_state);
}

}  // namespace whorl
