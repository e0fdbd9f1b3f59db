// How a run moves: what is ready is looked up, started or settled; jobs report; ends are written down.
#include <algorithm>
#include <chrono>
#include <set>

#include "base/check.h"
#include "pipeline/kinds.h"
#include "pipeline/run.h"

namespace whorl::pipeline {

void Run::start_ready() {
  bool moved = true;
  while (moved) {
    moved = false;
    std::set<size_t> launched;  // steps whose items went off together
    for (const InstanceId id : walk_->ready(now())) {
      const State state = walk_->state(id);
      if (state != State::waiting && state != State::backing_off) continue;
      if (!prepared_.contains(id)) {
        if (settled_without_running(id)) {
          moved = true;
          continue;
        }
      }
      if (!launched.contains(id.step)) consider(id);
      if (walk_->state(id) == State::running && one_pass(spec_.steps[id.step])) launched.insert(id.step);
    }
    // A success without running may have made others ready.
    if (moved && walk_->main_done() && exit_state_.empty()) exit_state_ = name_of(walk_->main_state());
  }
}

std::optional<CachedResult> Run::cached(const Step& step, const std::string& key) const {
  const bool effects = spec_.is_exit(step.name) || find_kind(step.kind)->has_effects;
  if (!options_.cache || !step.cache || effects) return std::nullopt;
  return cache_.find(key);
}

JobItem Run::prepared(InstanceId id) {
  const Step& step = spec_.steps[id.step];
  JobItem item = prepare(view(), step, id, store_);
  const auto where = "[Pipeline.run] step '" + item.name + "'";
  std::string code = code_version(step.kind);
  if (step.kind == "python") code += " " + pipeline_.functions.at(text_or(item.with, "function", "")).version;
  if (step.kind == "command") {
    const auto command = texts_or(item.with, "command", {""});
    code += " " + inputs_.of(find_program(command.empty() ? "" : command[0]), where);
  }
  item.key = cache_key({step, item.with, code, spec_.folder, where}, inputs_);
  return item;
}

// Skipped by its condition, known from before the kill or from the cache, or wrong from the start.
bool Run::settled_without_running(InstanceId id) {
  const Step& step = spec_.steps[id.step];
  try {
    if (!conditions_hold(view(), step, items_[id.step][id.item])) {
      walk_->skipped(id);
      return true;
    }
    JobItem item = prepared(id);
    record(id).key = item.key;
    const auto before = folder_->read_step(item.name);
    if (before && before->state == State::succeeded && before->key == item.key &&
        all_intact(before->outputs, store_)) {
      record(id) = *before;
      walk_->started(id);
      walk_->succeeded(id);
      emit(id, "succeeded");
      return true;
    }
    if (auto known = cached(step, item.key)) {
      walk_->started(id);
      succeed(id, std::move(known->outputs), true);
      return true;
    }
    prepared_.emplace(id, std::move(item));
    return false;
  } catch (const std::invalid_argument& error) {
    walk_->started(id);
    fail(id, Fault::code, error.what());
    return true;
  }
}

// Starts it, with the other items of its step where they share a pass, if the budget allows.
void Run::consider(InstanceId id) {
  const Step& step = spec_.steps[id.step];
  std::vector<InstanceId> ids = {id};
  if (one_pass(step)) {
    for (const InstanceId other : walk_->ready(now())) {
      if (other.step != id.step || other == id) continue;
      if (!prepared_.contains(other) && settled_without_running(other)) continue;
      ids.push_back(other);
    }
    std::sort(ids.begin(), ids.end());
  }
  if (budget_.take(budget_.need_of(step, parameters_))) launch(ids);
}

void Run::launch(const std::vector<InstanceId>& ids) {
  const Step& step = spec_.steps[ids[0].step];
  std::vector<JobItem> items;
  for (const InstanceId id : ids) {
    walk_->started(id);
    auto& written = record(id);
    written.state = State::running;
    written.attempts = walk_->attempts(id);
    if (written.attempts == 1) written.started = now() - begun_;
    folder_->write_step(written);
    items.push_back(prepared_.at(id));
  }
  const size_t number = next_job_++;
  auto& job = jobs_[number];
  job.ids = ids;
  job.need = budget_.need_of(step, parameters_);
  const auto log = folder_->log_path(items[0].name);
  job.thread = std::thread([this, number, &step, items, attempt = walk_->attempts(ids[0]), log] {
    work(number, step, items, attempt, log);
  });
  for (const InstanceId id : ids) emit(id, "started");
}

// On the job's own thread: nothing of the run is touched but the queue of messages.
void Run::work(size_t job, const Step& step, std::vector<JobItem> items, int64_t attempt,
               const std::string& log) {
  const auto send = [this](Message message) {
    {
      std::scoped_lock lock(mutex_);
      messages_.push_back(std::move(message));
    }
    wake_.notify_one();
  };
  Message end{.job = job, .done = true};
  try {
    const auto report = [&](const JobProgress& progress) {
      send({.job = job, .done = false, .progress = progress});
    };
    const bool exit = spec_.is_exit(step.name);
    const JobServices services{
        store_, inputs_, models_, pipeline_.functions, spec_.folder, exit ? exit_cancelled_ : cancelled_,
        report};
    JobContext context(services, step, std::move(items), attempt, log);
    end.outputs = perform(context);
  } catch (const std::exception& error) {
    end.fault = fault_of(error);
    end.text = error.what();
  } catch (...) {
    end.fault = Fault::code;
    end.text = "something that is no std::exception was thrown";
  }
  send(std::move(end));
}

std::vector<Object> Run::perform(JobContext& context) const {
  if (context.attempt > 1) context.log("--- attempt " + std::to_string(context.attempt));
  try {
    auto outputs = run_kind(context);
    const Step& step = context.step;
    if (!spec_.is_exit(step.name) && !find_kind(step.kind)->has_effects)
      for (size_t i = 0; i < context.items.size(); ++i) cache_.put(context.items[i].key, {outputs[i], 0});
    context.forget();
    return outputs;
  } catch (const std::exception& error) {
    context.log(std::string("failed: ") + error.what());
    throw;
  }
}

// So often the callback is asked, at least, whether to go on.
constexpr double kBreathSeconds = 0.25;

void Run::wait() {
  const auto wake_at = walk_->wake_at();
  if (jobs_.empty() && wake_at && hooks_.skip) {
    hooks_.skip(std::max(0.0, *wake_at - now()));
    return;
  }
  std::unique_lock lock(mutex_);
  const auto arrived = [&] { return !messages_.empty(); };
  const double until = wake_at ? *wake_at - now() : 0;  // passed: it waits for the budget
  const double seconds = until > 0 ? std::min(until, kBreathSeconds) : kBreathSeconds;
  const bool quiet = !wake_.wait_for(lock, std::chrono::duration<double>(seconds), arrived);
  if (quiet && !jobs_.empty()) {
    // Nothing to tell, but whoever watches may want to stop the run.
    lock.unlock();
    emit({.run_id = run_.run_id, .step = {}, .state = "progress"});
    return;
  }
  while (!messages_.empty()) {
    Message message = std::move(messages_.front());
    messages_.pop_front();
    lock.unlock();
    handle(std::move(message));
    lock.lock();
  }
}

void Run::handle(Message message) {
  const auto& job = jobs_.at(message.job);
  if (message.done) {
    finish_job(message);
    return;
  }
  const int64_t item = message.progress.item;
  if (item >= 0) return emit(job.ids[static_cast<size_t>(item)], "progress", message.progress);
  for (const InstanceId id : job.ids) emit(id, "progress", message.progress);
}

void Run::finish_job(Message& message) {
  Job job = std::move(jobs_.at(message.job));
  jobs_.erase(message.job);
  job.thread.join();
  budget_.give(job.need);
  for (size_t i = 0; i < job.ids.size(); ++i) {
    if (message.fault == Fault::none)
      succeed(job.ids[i], std::move(message.outputs[i]), false);
    else
      fail(job.ids[i], message.fault, message.text);
  }
}

void Run::succeed(InstanceId id, Object outputs, bool cached) {
  walk_->succeeded(id);
  auto& written = record(id);
  written.state = State::succeeded;
  written.fault = Fault::none;
  written.message.clear();
  written.attempts = cached ? 0 : walk_->attempts(id);
  written.outputs = std::move(outputs);
  written.cached = cached;
  if (cached) written.started = now() - begun_;
  written.seconds = now() - begun_ - written.started;
  folder_->write_step(written);
  emit(id, "succeeded");
}

void Run::fail(InstanceId id, Fault fault, const std::string& message) {
  walk_->failed(id, fault, now());
  auto& written = record(id);
  written.state = walk_->state(id);
  written.fault = fault;
  written.message = message;
  written.attempts = walk_->attempts(id);
  written.seconds = now() - begun_ - written.started;
  folder_->write_step(written);
  emit(id, written.state == State::backing_off ? "retrying" : name_of(written.state), {.message = message});
}

// Skips, omissions and cancellations that followed from something else.
void Run::note_ends() {
  for (size_t step = 0; step < items_.size(); ++step)
    for (size_t item = 0; item < items_[step].size(); ++item) {
      const InstanceId id{step, item};
      const State state = walk_->state(id);
      auto& written = record(id);
      if (!ended(state) || written.state == state) continue;
      written.state = state;
      folder_->write_step(written);
      emit(id, name_of(state));
    }
}

}  // namespace whorl::pipeline
