#pragma once
// From a step and its item to what is to be done: references replaced, conditions decided, paths found.
#include <functional>
#include <string>

#include "pipeline/run_store.h"
#include "pipeline/spec.h"
#include "pipeline/steps.h"

namespace whorl::pipeline {

// What references can see at the time when a step becomes ready.
struct PlanView {
  const Spec& spec;
  const ParameterValues& parameters;
  const std::vector<List>& items;                                  // by step
  std::function<const Object*(size_t step, size_t item)> outputs;  // null: it has none
  std::string run_id, run_state;                                   // the state only for exit steps
};

bool conditions_hold(const PlanView& view, const Step& step, const Value& item);

// Fills `with` and `local`. std::invalid_argument for references to what is not there and arguments that do
// not fit their kind once they are known.
JobItem prepare(const PlanView& view, const Step& step, InstanceId id, const RunStore& store);

// Whether the items of a train step may share one pass: they differ in `adapter` only.
bool one_pass(const Step& step);

}  // namespace whorl::pipeline
