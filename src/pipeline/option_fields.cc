#include "pipeline/option_fields.h"

#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "pipeline/expressions.h"

namespace whorl::pipeline {

template <>
const std::vector<OptionField<LoraOptions>>& option_fields() {
  using O = LoraOptions;
  static const std::vector<OptionField<O>> kFields = {{"name", &O::name},
                                                      {"rank", &O::rank},
                                                      {"alpha", &O::alpha},
                                                      {"use_rslora", &O::use_rslora},
                                                      {"dropout", &O::dropout},
                                                      {"target_modules", &O::target_modules},
                                                      {"learning_rate", &O::learning_rate},
                                                      {"weight_decay", &O::weight_decay},
                                                      {"seed", &O::seed}};
  return kFields;
}

// Checkpoints and metrics are the run's own business.
template <>
const std::vector<OptionField<TrainOptions>>& option_fields() {
  using O = TrainOptions;
  static const std::vector<OptionField<O>> kFields = {
      {"epochs", &O::epochs},
      {"max_steps", &O::max_steps},
      {"batch_tokens", &O::batch_tokens},
      {"batch_size", &O::batch_size},
      {"gradient_accumulation_steps", &O::gradient_accumulation_steps},
      {"max_length", &O::max_length},
      {"packing", &O::packing},
      {"lr_scheduler", &O::lr_scheduler},
      {"warmup_ratio", &O::warmup_ratio},
      {"warmup_steps", &O::warmup_steps},
      {"min_lr_ratio", &O::min_lr_ratio},
      {"beta1", &O::beta1},
      {"beta2", &O::beta2},
      {"epsilon", &O::epsilon},
      {"max_grad_norm", &O::max_grad_norm},
      {"seed", &O::seed},
      {"eval_steps", &O::eval_steps},
      {"early_stopping_patience", &O::early_stopping_patience},
      {"early_stopping_threshold", &O::early_stopping_threshold},
      {"keep_best", &O::keep_best},
      {"save_steps", &O::save_steps},
      {"activation_dtype", &O::activation_dtype},
      {"on_masked_row", &O::on_masked_row},
      {"on_long_row", &O::on_long_row}};
  return kFields;
}

template <>
const std::vector<OptionField<DeduplicateOptions>>& option_fields() {
  using O = DeduplicateOptions;
  static const std::vector<OptionField<O>> kFields = {{"exact", &O::exact},
                                                      {"near", &O::near},
                                                      {"threshold", &O::threshold},
                                                      {"shingle_words", &O::shingle_words},
                                                      {"permutations", &O::permutations},
                                                      {"field", &O::field},
                                                      {"seed", &O::seed}};
  return kFields;
}

template <>
const std::vector<OptionField<PiiOptions>>& option_fields() {
  using O = PiiOptions;
  static const std::vector<OptionField<O>> kFields = {{"entities", &O::entities}, {"mode", &O::mode}};
  return kFields;
}

template <>
const std::vector<OptionField<LengthOptions>>& option_fields() {
  using O = LengthOptions;
  static const std::vector<OptionField<O>> kFields = {{"min_tokens", &O::min_tokens},
                                                      {"max_tokens", &O::max_tokens}};
  return kFields;
}

template <>
const std::vector<OptionField<SamplingOptions>>& option_fields() {
  using O = SamplingOptions;
  static const std::vector<OptionField<O>> kFields = {
      {"max_new_tokens", &O::max_new_tokens},
      {"temperature", &O::temperature},
      {"top_k", &O::top_k},
      {"top_p", &O::top_p},
      {"min_p", &O::min_p},
      {"repetition_penalty", &O::repetition_penalty},
      {"presence_penalty", &O::presence_penalty},
      {"frequency_penalty", &O::frequency_penalty},
      {"seed", &O::seed},
      {"stop", &O::stop},
      {"ignore_eos", &O::ignore_eos},
      {"prompt_lookup_num_tokens", &O::prompt_lookup_num_tokens}};
  return kFields;
}

namespace {

[[noreturn]] void mistyped(const std::string& name, const char* wanted, const Value& got) {
  base::invalid("field '", name, "': expected ", wanted, ", got ", kind_of(got), " (", shown(got), ")");
}

struct Assign {
  const std::string& name;
  const Value& value;

  void operator()(bool& target) const {
    const auto* given = value.get<bool>();
    if (given == nullptr) mistyped(name, "true or false", value);
    target = *given;
  }
  void operator()(int64_t& target) const {
    const auto* given = value.get<int64_t>();
    if (given == nullptr) mistyped(name, "an integer", value);
    target = *given;
  }
  void operator()(int& target) const {
    int64_t wide = 0;
    (*this)(wide);
    if (wide < INT32_MIN || wide > INT32_MAX) mistyped(name, "an integer of 32 bits", value);
    target = static_cast<int>(wide);
  }
  void operator()(uint64_t& target) const {
    int64_t given = 0;
    (*this)(given);
    if (given < 0) mistyped(name, "an integer of at least 0", value);
    target = static_cast<uint64_t>(given);
  }
  void operator()(double& target) const {
    if (!value.is_number()) mistyped(name, "a number", value);
    target = value.number();
  }
  void operator()(std::string& target) const {
    if (value.text() == nullptr) mistyped(name, "a string", value);
    target = *value.text();
  }
  void operator()(std::vector<std::string>& target) const {
    if (value.text() != nullptr) {
      target = {*value.text()};
      return;
    }
    if (value.list() == nullptr) mistyped(name, "a list of strings", value);
    target.clear();
    for (const auto& entry : *value.list()) {
      if (entry.text() == nullptr) mistyped(name, "a list of strings", value);
      target.push_back(*entry.text());
    }
  }
};

}  // namespace

template <class T>
void apply_options(const Object& given, T& target) {
  const auto& fields = option_fields<T>();
  for (const auto& [name, value] : given) {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.name == name; });
    if (found == fields.end()) {
      std::vector<std::string> names;
      for (const auto& field : fields) names.push_back(field.name);
      base::invalid("unknown field '", base::printable(name, 80), "'", base::did_you_mean(name, names));
    }
    if (!references_in(value).empty()) continue;
    std::visit([&](auto member) { Assign{name, value}(target.*member); }, found->member);
  }
}

template void apply_options(const Object&, LoraOptions&);
template void apply_options(const Object&, TrainOptions&);
template void apply_options(const Object&, DeduplicateOptions&);
template void apply_options(const Object&, PiiOptions&);
template void apply_options(const Object&, LengthOptions&);
template void apply_options(const Object&, SamplingOptions&);

}  // namespace whorl::pipeline
