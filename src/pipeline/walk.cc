#include "pipeline/walk.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/check.h"

namespace whorl::pipeline {
namespace {

constexpr const char* kStates[] = {"waiting", "running", "backing_off", "succeeded",
                                   "failed",  "skipped", "omitted",     "cancelled"};
constexpr const char* kFaults[] = {"none", "code", "infrastructure", "timeout", "rejected", "cancelled"};

}  // namespace

const char* name_of(State state) { return kStates[static_cast<size_t>(state)]; }
const char* name_of(Fault fault) { return kFaults[static_cast<size_t>(fault)]; }

std::optional<State> state_named(std::string_view name) {
  for (size_t i = 0; i < std::size(kStates); ++i)
    if (name == kStates[i]) return static_cast<State>(i);
  return std::nullopt;
}

bool ended(State state) {
  return state != State::waiting && state != State::running && state != State::backing_off;
}

Fault fault_of_signal(int signal) {
  constexpr int kHup = 1, kKill = 9, kTerm = 15;
  return signal == kHup || signal == kKill || signal == kTerm ? Fault::infrastructure : Fault::code;
}

Fault fault_of_exit(int status) {
  if (status == 0) return Fault::none;
  if (status < 0 || status == kTryAgainExit) return Fault::infrastructure;
  if (status == kRejectedExit) return Fault::rejected;
  return status > 128 ? fault_of_signal(status - 128) : Fault::code;
}

bool may_retry(const PipelineRetry& retry, Fault fault, int64_t attempts_made) {
  if (attempts_made > retry.limit || retry.policy == "never") return false;
  if (fault == Fault::infrastructure) return true;
  return retry.policy == "any" && (fault == Fault::code || fault == Fault::timeout);
}

double backoff_before(const PipelineRetry& retry, int64_t attempts_made) {
  const double wait =
      retry.backoff_seconds * std::pow(retry.backoff_factor, static_cast<double>(attempts_made - 1));
  return std::min(wait, retry.backoff_max_seconds);
}

std::vector<size_t> awaited(const Spec& spec, const Step& step) {
  auto needs = needs_of(spec, step);
  if (spec.is_exit(step.name))
    std::erase_if(needs, [&](size_t need) { return !spec.is_exit(spec.steps[need].name); });
  return needs;
}

Walk::Walk(const Spec& spec, std::vector<size_t> items) : spec_(spec) {
  for (size_t i = 0; i < spec.steps.size(); ++i) {
    needs_.push_back(awaited(spec, spec.steps[i]));
    instances_.emplace_back(items.at(i));
  }
  settle();
}

Walk::Instance& Walk::at(InstanceId id) { return instances_.at(id.step).at(id.item); }
const Walk::Instance& Walk::at(InstanceId id) const { return instances_.at(id.step).at(id.item); }

State Walk::state(InstanceId id) const { return at(id).state; }
int64_t Walk::attempts(InstanceId id) const { return at(id).attempts; }
Fault Walk::fault(InstanceId id) const { return at(id).fault; }

bool Walk::step_ready(size_t step) const {
  if (spec_.is_exit(spec_.steps[step].name) ? !main_done() : cancelled_) return false;
  return std::all_of(needs_[step].begin(), needs_[step].end(),
                     [&](size_t need) { return state(need) == State::succeeded; });
}

std::vector<InstanceId> Walk::ready(double now) const {
  std::vector<InstanceId> found;
  for (size_t step = 0; step < instances_.size(); ++step) {
    if (!step_ready(step)) continue;
    for (size_t item = 0; item < instances_[step].size(); ++item) {
      const auto& instance = instances_[step][item];
      const bool waits = instance.state == State::waiting;
      if (waits || (instance.state == State::backing_off && instance.not_before <= now))
        found.push_back({step, item});
    }
  }
  return found;
}

std::optional<double> Walk::wake_at() const {
  std::optional<double> earliest;
  for (const auto& step : instances_)
    for (const auto& instance : step)
      if (instance.state == State::backing_off && (!earliest || instance.not_before < *earliest))
        earliest = instance.not_before;
  return earliest;
}

namespace {

void expect(bool ok, const char* what) {
  if (!ok) throw std::logic_error(std::string("[Walk] ") + what);
}

}  // namespace

void Walk::started(InstanceId id) {
  auto& instance = at(id);
  expect(instance.state == State::waiting || instance.state == State::backing_off,
         "an instance starts from waiting or from back-off");
  instance.state = State::running;
  ++instance.attempts;
}

void Walk::succeeded(InstanceId id) {
  auto& instance = at(id);
  expect(instance.state == State::running, "only what runs succeeds");
  instance.state = State::succeeded;
  instance.fault = Fault::none;
  settle();
}

void Walk::skipped(InstanceId id) {
  auto& instance = at(id);
  expect(instance.state == State::waiting, "only what waits is skipped");
  instance.state = State::skipped;
  settle();
}

void Walk::failed(InstanceId id, Fault fault, double now) {
  auto& instance = at(id);
  expect(instance.state == State::running, "only what runs fails");
  instance.fault = fault;
  const auto& step = spec_.steps[id.step];
  const bool stopped = cancelled_ && !spec_.is_exit(step.name);
  if (fault == Fault::cancelled) {
    instance.state = State::cancelled;
  } else if (!stopped && may_retry(step.retry, fault, instance.attempts)) {
    instance.state = State::backing_off;
    instance.not_before = now + backoff_before(step.retry, instance.attempts);
  } else {
    instance.state = State::failed;
  }
  settle();
}

void Walk::cancel() {
  cancelled_ = true;
  for (size_t step = 0; step < instances_.size(); ++step) {
    if (spec_.is_exit(spec_.steps[step].name)) continue;
    for (auto& instance : instances_[step])
      if (instance.state == State::waiting || instance.state == State::backing_off)
        instance.state = State::cancelled;
  }
  settle();
}

// Omissions ripple down, so until nothing moves.
void Walk::settle() {
  bool moved = true;
  while (moved) {
    moved = false;
    for (size_t step = 0; step < instances_.size(); ++step) moved = settle_step(step) || moved;
  }
}

bool Walk::settle_step(size_t step) {
  const bool blocked = std::any_of(needs_[step].begin(), needs_[step].end(), [&](size_t need) {
    return ended(state(need)) && state(need) != State::succeeded;
  });
  if (!blocked) return false;
  bool moved = false;
  for (auto& instance : instances_[step]) {
    if (instance.state != State::waiting) continue;
    instance.state = State::omitted;
    moved = true;
  }
  return moved;
}

State Walk::state(size_t step) const { return judge(step); }

State Walk::judge(size_t step) const {
  size_t succeeded = 0, skipped = 0, omitted = 0, cancelled = 0, running = 0, waiting = 0;
  const auto& instances = instances_[step];
  for (const auto& instance : instances) {
    succeeded += instance.state == State::succeeded;
    skipped += instance.state == State::skipped;
    omitted += instance.state == State::omitted;
    cancelled += instance.state == State::cancelled;
    waiting += instance.state == State::waiting;
    running += instance.state == State::running || instance.state == State::backing_off;
  }
  const size_t open = waiting + running;
  if (open == instances.size() && running == 0 && open > 0) return State::waiting;
  if (open > 0) return State::running;
  if (instances.empty()) return needs_empty_verdict(step);
  if (omitted == instances.size()) return State::omitted;
  if (cancelled > 0) return State::cancelled;
  if (skipped == instances.size()) return State::skipped;
  const bool enough = satisfied(spec_.steps[step].failure_policy, succeeded, instances.size() - skipped);
  return enough ? State::succeeded : State::failed;
}

// A foreach over nothing has done its work as soon as it could have begun.
State Walk::needs_empty_verdict(size_t step) const {
  for (const size_t need : needs_[step]) {
    const State verdict = state(need);
    if (!ended(verdict)) return State::waiting;
    if (verdict != State::succeeded) return State::omitted;
  }
  return satisfied(spec_.steps[step].failure_policy, 0, 0) ? State::succeeded : State::failed;
}

bool Walk::main_done() const {
  for (size_t step = 0; step < instances_.size(); ++step)
    if (!spec_.is_exit(spec_.steps[step].name) && !ended(state(step))) return false;
  return true;
}

bool Walk::done() const {
  for (size_t step = 0; step < instances_.size(); ++step)
    if (!ended(state(step))) return false;
  return true;
}

State Walk::main_state() const {
  if (!main_done()) return State::running;
  if (cancelled_) return State::cancelled;
  for (size_t step = 0; step < instances_.size(); ++step)
    if (!spec_.is_exit(spec_.steps[step].name) && state(step) == State::failed) return State::failed;
  return State::succeeded;
}

State Walk::run_state() const {
  if (!done()) return State::running;
  const State main = main_state();
  if (main != State::succeeded) return main;
  for (size_t step = 0; step < instances_.size(); ++step)
    if (state(step) == State::failed) return State::failed;
  return State::succeeded;
}

}  // namespace whorl::pipeline
