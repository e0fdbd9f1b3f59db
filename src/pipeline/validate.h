#pragma once
// The parts of the validator.
#include <string>
#include <vector>

#include "pipeline/kinds.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {

class Problems {
 public:
  explicit Problems(const Spec& spec) : spec_(spec) {}
  void add(const std::string& pointer, const std::string& problem);
  void of_step(size_t step, const std::string& pointer,
               const std::string& problem);  // pointer below the step
  void add_whole(const std::string& message) { found_.push_back(message); }
  void raise() const;  // std::invalid_argument, one problem a line; nothing when there is none

 private:
  const Spec& spec_;
  std::vector<std::string> found_;
};

// `with`: the kind's arguments and what its references name.
void check_step_arguments(const Spec& spec, size_t index, const Kind& kind, Problems& problems);
void check_conditions(const Spec& spec, size_t index, Problems& problems);

}  // namespace whorl::pipeline
