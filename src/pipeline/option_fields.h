#pragma once
// The options of Dataset, Trainer, Evaluator as tables of fields, so that a step's arguments are checked
// before the run and applied in it by the same list.
#include <filesystem>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/value.h"
#include "whorl/dataset.h"
#include "whorl/evaluator.h"
#include "whorl/trainer.h"

namespace whorl::pipeline {

template <class T>
struct OptionField {
  std::string name;
  std::variant<bool T::*, int64_t T::*, uint64_t T::*, int T::*, double T::*, std::string T::*,
               std::vector<std::string> T::*>
      member;
};

template <class T>
const std::vector<OptionField<T>>& option_fields();
template <>
const std::vector<OptionField<LoraOptions>>& option_fields();
template <>
const std::vector<OptionField<TrainOptions>>& option_fields();
template <>
const std::vector<OptionField<DeduplicateOptions>>& option_fields();
template <>
const std::vector<OptionField<PiiOptions>>& option_fields();
template <>
const std::vector<OptionField<LengthOptions>>& option_fields();
template <>
const std::vector<OptionField<SamplingOptions>>& option_fields();

// Puts the members of `given` into `target`. Throws std::invalid_argument without context for an unknown name
// ("did you mean") or another type. Values that are still references are passed over.
template <class T>
void apply_options(const Object& given, T& target);

}  // namespace whorl::pipeline
