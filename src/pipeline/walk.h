#pragma once
// How a pipeline is walked: which instance may start, what a failure means, when to give up. A state machine
// over the spec and events, without clock, files or threads, so that the local run and the test of the Argo
// manifests walk the very same rules.
//
// The rules:
//  - A step is ready when every step it needs has succeeded. If one of them ended otherwise it is omitted.
//  - All items of a foreach step run, whatever the others do; the failure policy then decides on the step.
//    Items that were skipped do not count; if all were, the step is skipped.
//  - A failed attempt is tried again if the retry policy covers its fault and attempts are left, after
//    backoff_seconds * backoff_factor^(attempt - 1), at most backoff_max_seconds.
//  - A failure stops only what needs it. The run fails if any step failed.
//  - Exit steps start when everything else has ended, also after a cancel. They see the run's state. What
//  they
//    refer to may have failed, unless it is an exit step too: among themselves they need as others do.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/spec.h"

namespace whorl::pipeline {

enum class State : uint8_t { waiting, running, backing_off, succeeded, failed, skipped, omitted, cancelled };
// Whose fault it was. `rejected` is a gate's verdict.
enum class Fault : uint8_t { none, code, infrastructure, timeout, rejected, cancelled };

const char* name_of(State state);
const char* name_of(Fault fault);
std::optional<State> state_named(std::string_view name);
bool ended(State state);

// What an exit status or a signal of a step's process says. Exit status 85: "checkpointed, run me again";
// 128 + n stands for signal n; -1: the process was lost (its pod is gone).
Fault fault_of_exit(int status);
Fault fault_of_signal(int signal);
inline constexpr int kTryAgainExit = 85;  // infrastructure
inline constexpr int kRejectedExit = 86;  // a gate

bool may_retry(const PipelineRetry& retry, Fault fault, int64_t attempts_made);
double backoff_before(const PipelineRetry& retry, int64_t attempts_made);  // seconds

// The steps that must have succeeded before `step` starts. Of what an exit step refers to, the other exit
// steps: the rest has ended by then, however.
std::vector<size_t> awaited(const Spec& spec, const Step& step);

struct InstanceId {
  size_t step = 0, item = 0;
  bool operator==(const InstanceId&) const = default;
  auto operator<=>(const InstanceId&) const = default;
};

class Walk {
 public:
  // `items[i]`: instances of step i (1 without foreach). A foreach over nothing succeeds at once.
  Walk(const Spec& spec, std::vector<size_t> items);

  // What may start at `now` (seconds, any origin), in the order of the spec.
  std::vector<InstanceId> ready(double now) const;
  // The earliest time at which a back-off ends; unset when nobody waits for the clock.
  std::optional<double> wake_at() const;

  // Events. Each is std::logic_error when it does not fit the state: a bug of the caller.
  void started(InstanceId id);
  void succeeded(InstanceId id);
  void skipped(InstanceId id);  // its condition does not hold; from waiting
  void failed(InstanceId id, Fault fault, double now);
  // Nothing more starts but exit steps; running instances are to report how they ended.
  void cancel();

  bool done() const;  // exit steps too
  bool main_done() const;
  // succeeded, failed or cancelled; running until done. `main_state()` is what exit steps see.
  State run_state() const;
  State main_state() const;

  State state(InstanceId id) const;
  State state(size_t step) const;
  int64_t attempts(InstanceId id) const;  // begun so far
  Fault fault(InstanceId id) const;       // of the last attempt
  size_t items(size_t step) const { return instances_[step].size(); }

 private:
  struct Instance {
    State state = State::waiting;
    int64_t attempts = 0;
    Fault fault = Fault::none;
    double not_before = 0;
  };
  Instance& at(InstanceId id);
  const Instance& at(InstanceId id) const;
  bool step_ready(size_t step) const;
  void settle();  // omits what can no longer start
  bool settle_step(size_t step);
  State judge(size_t step) const;
  State needs_empty_verdict(size_t step) const;

  const Spec& spec_;
  std::vector<std::vector<size_t>> needs_;
  std::vector<std::vector<Instance>> instances_;
  bool cancelled_ = false;
};

}  // namespace whorl::pipeline
