#include "pipeline/run.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "pipeline/expressions.h"
#include "pipeline/kinds.h"

namespace whorl::pipeline {
namespace {

constexpr const char* kOperation = "Pipeline.run";

// Text as PipelineParameter writes it: strings as they are, the rest JSON.
Object given_parameters(const Spec& spec, const std::map<std::string, std::string>& texts) {
  Object made;
  for (const auto& [name, text] : texts) {
    const Parameter* parameter = spec.parameter(name);
    const bool plain = parameter == nullptr || parameter->type == "string";
    made[name] = plain ? Value(text)
                       : parse_value(text, "[Pipeline.run] parameter '" + base::printable(name, 80) + "'");
  }
  return made;
}

PipelineBudget chosen_budget(const PipelineBudget& wanted, const PipelineBudget& own) {
  PipelineBudget made = own;
  if (wanted.cpus > 0) made.cpus = wanted.cpus;
  if (wanted.memory_bytes > 0) made.memory_bytes = wanted.memory_bytes;
  if (wanted.gpus > 0) made.gpus = wanted.gpus;
  if (made.cpus <= 0) made.cpus = base::available_cpus();
  return made;
}

double wall_seconds() {
  const std::chrono::duration<double> since = std::chrono::system_clock::now().time_since_epoch();
  return since.count();
}

double steady_seconds() {
  const std::chrono::duration<double> since = std::chrono::steady_clock::now().time_since_epoch();
  return since.count();
}

void check_functions(const Pipeline::Impl& pipeline) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : pipeline.functions) names.push_back(name);
  for (const auto& step : pipeline.spec.steps) {
    if (step.kind != "python") continue;
    const auto* name = step.with.at("function").text();
    if (name == nullptr || !references_in(*name).empty())
      base::invalid("[Pipeline.run] step '", step.name, "': argument 'function' must be a plain name");
    if (!pipeline.functions.contains(*name))
      base::invalid("[Pipeline.run] step '", step.name, "': no function '", *name, "' is registered",
                    base::did_you_mean(*name, names));
  }
}

}  // namespace

Budget::Budget(const PipelineBudget& total) : total_(total), free_(total) {}

PipelineBudget Budget::need_of(const Step& step, const ParameterValues& parameters) const {
  const auto wanted = resources_of(step, parameters, kOperation);
  PipelineBudget need{wanted.cpus, wanted.memory_bytes, wanted.gpus};
  if (need.cpus <= 0)
    need.cpus = find_kind(step.kind)->takes_all_cpus ? total_.cpus : std::min(1.0, total_.cpus);
  if (total_.memory_bytes == 0) need.memory_bytes = 0;  // not counted
  return need;
}

void Budget::check(const Step& step, const ParameterValues& parameters) const {
  const auto need = need_of(step, parameters);
  const auto where = "[Pipeline.run] step '" + step.name + "': field 'resources.";
  base::check_argument(need.cpus <= total_.cpus, where, "cpus': ", need.cpus, " of a budget of ",
                       total_.cpus);
  base::check_argument(need.memory_bytes <= total_.memory_bytes, where, "memory_bytes': ", need.memory_bytes,
                       " of a budget of ", total_.memory_bytes);
  base::check_argument(need.gpus <= total_.gpus, where, "gpus': ", need.gpus, " of a budget of ",
                       total_.gpus);
}

bool Budget::take(const PipelineBudget& need) {
  constexpr double kRounding = 1e-9;
  const bool fits = need.cpus <= free_.cpus + kRounding && need.memory_bytes <= free_.memory_bytes &&
                    need.gpus <= free_.gpus;
  if (!fits) return false;
  free_.cpus -= need.cpus;
  free_.memory_bytes -= need.memory_bytes;
  free_.gpus -= need.gpus;
  return true;
}

void Budget::give(const PipelineBudget& need) {
  free_.cpus += need.cpus;
  free_.memory_bytes += need.memory_bytes;
  free_.gpus += need.gpus;
}

Run::Run(const Pipeline::Impl& pipeline, const PipelineRunOptions& options, const PipelineCallback& callback,
         RunHooks hooks)
    : pipeline_(pipeline),
      spec_(pipeline.spec),
      options_(options),
      callback_(callback),
      hooks_(std::move(hooks)),
      store_((validate(spec_), options.folder.string())),
      cache_(store_),
      inputs_(store_.fs()),
      budget_(chosen_budget(options.budget, spec_.budget)) {
  parameters_ = bind_parameters(spec_, given_parameters(spec_, options.parameters), kOperation);
  check_functions(pipeline);
  std::vector<size_t> counts;
  for (const auto& step : spec_.steps) {
    items_.push_back(items_of(step, parameters_));
    counts.push_back(items_.back().size());
    budget_.check(step, parameters_);
  }
  clean();
  begun_ = now();
  walk_.emplace(spec_, counts);
}

Run::~Run() {
  for (auto& [number, job] : jobs_)
    if (job.thread.joinable()) job.thread.join();
}

double Run::now() const { return hooks_.now ? hooks_.now() : steady_seconds(); }

// What dead processes left half done.
void Run::clean() const {
  for (const char* part : {"objects", "work"}) {
    const auto folder = base::join(store_.root(), part);
    base::make_directories(store_.fs(), folder);
    for (const auto& name : base::list_directory(store_.fs(), folder))
      if (base::temporary_owner(name) == base::TemporaryOwner::dead)
        base::remove_tree(store_.fs(), base::join(folder, name));
  }
}

// The latest run of the same pipeline and parameters that has not ended and that nobody walks.
std::string Run::choose_run() {
  if (!options_.run_id.empty()) return options_.run_id;
  std::string chosen;
  double latest = -1;
  if (options_.resume) {
    for (const auto& id : run_ids(store_.fs(), store_.root())) {
      if (!id.starts_with(spec_.name + "-") || !base::valid_name(id)) continue;
      RunFolder folder(store_.fs(), store_.root(), id);
      std::optional<RunRecord> found;
      try {
        found = folder.read_run();
      } catch (const std::invalid_argument&) {
        continue;  // damaged: what it had finished is in the cache
      }
      const bool same = found && found->digest == run_.digest && found->parameters == parameters_;
      const bool open = same && (found->state == "running" || found->state == "cancelled");
      if (!open || found->started_at <= latest || !folder.lock()) continue;
      chosen = id;
      latest = found->started_at;
    }
  }
  return chosen.empty() ? new_run_id(spec_.name) : chosen;
}

void Run::open_run() {
  run_.pipeline = spec_.name;
  run_.digest = digest(spec_);
  run_.parameters = parameters_;
  run_.plan = canonical_json(spec_);
  run_.run_id = choose_run();
  folder_ = std::make_unique<RunFolder>(store_.fs(), store_.root(), run_.run_id);
  if (!folder_->lock())
    base::failed("[Pipeline.run] run '", run_.run_id, "' is being walked by another process");
  const auto before = folder_->read_run();
  if (before && (before->digest != run_.digest || before->parameters != parameters_))
    base::invalid("[Pipeline.run] run '", run_.run_id,
                  "' belongs to another pipeline, or to other parameters: choose another run_id");
  run_.started_at = before ? before->started_at : wall_seconds();
  run_.state = "running";
  folder_->write_run(run_);
}

PipelineResult Run::go() {
  open_run();
  emit({.run_id = run_.run_id, .step = {}, .state = "started"});
  while (!walk_->done()) {
    if (exit_state_.empty() && walk_->main_done()) exit_state_ = name_of(walk_->main_state());
    start_ready();
    note_ends();
    if (!walk_->done()) wait();
  }
  note_ends();
  run_.state = name_of(walk_->run_state());
  run_.seconds = now() - begun_;
  folder_->write_run(run_);
  emit({.run_id = run_.run_id, .step = {}, .state = run_.state});
  if (callback_error_) std::rethrow_exception(callback_error_);
  return result();
}

void Run::emit(PipelineEvent event) {
  if (!callback_ || callback_error_) return;
  event.seconds = now() - begun_;
  try {
    if (!callback_(event)) cancel();
  } catch (...) {
    callback_error_ = std::current_exception();
    cancel();
  }
}

void Run::emit(InstanceId id, const std::string& state, const JobProgress& progress) {
  emit({.run_id = run_.run_id,
        .step = instance_name(spec_.steps[id.step], id.item),
        .state = state,
        .attempt = walk_->attempts(id),
        .progress = progress.share,
        .seconds = 0,
        .cached = record(id).cached,
        .message = progress.message,
        .details = state == "succeeded" ? step_result(record(id)).outputs : progress.details});
}

void Run::cancel() {
  if (walk_->main_done() || cancelled_.exchange(true)) return;
  walk_->cancel();
}

StepRecord& Run::record(InstanceId id) {
  auto& found = records_[id];
  if (found.name.empty()) {
    const Step& step = spec_.steps[id.step];
    found.name = instance_name(step, id.item);
    found.step = step.name;
    found.kind = step.kind;
    found.index = step.repeats() ? static_cast<int64_t>(id.item) : -1;
    found.item = items_[id.step][id.item];
  }
  return found;
}

const Object* Run::outputs_of(size_t step, size_t item) {
  const auto found = records_.find({step, item});
  return found != records_.end() && found->second.state == State::succeeded ? &found->second.outputs
                                                                            : nullptr;
}

PlanView Run::view() {
  return {.spec = spec_,
          .parameters = parameters_,
          .items = items_,
          .outputs = [this](size_t step, size_t item) { return outputs_of(step, item); },
          .run_id = run_.run_id,
          .run_state = exit_state_};
}

}  // namespace whorl::pipeline
