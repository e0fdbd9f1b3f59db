#include "train/options.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"

namespace whorl::train {

using base::check_argument;
using base::invalid;
using base::Json;

namespace {

void one_of(const std::string& value, std::initializer_list<const char*> known, const char* field,
            const std::string& context) {
  std::vector<std::string> names(known.begin(), known.end());
  std::string list;
  for (const std::string& name : names) {
    if (value == name) return;
    list += (list.empty() ? "'" : ", '") + name + "'";
  }
  invalid(context, " expected ", field, " to be one of ", list, ", got '", base::printable(value), "'",
          base::did_you_mean(value, names));
}

void at_least(int64_t value, int64_t least, const char* field, const std::string& context) {
  check_argument(value >= least, context, " expected ", field, " >= ", least, ", got ", value);
}

void within(double value, double low, double high, const char* field, const std::string& context) {
  check_argument(value >= low && value <= high, context, " expected ", field, " from ", low, " to ", high,
                 ", got ", value);
}

}  // namespace

void check_options(const TrainOptions& o, const std::string& context) {
  check_argument(o.max_steps > 0 || (std::isfinite(o.epochs) && o.epochs > 0 && o.epochs <= 1e6), context,
                 " expected epochs > 0 (or max_steps > 0), got ", o.epochs);
  at_least(o.max_steps, 0, "max_steps", context);
  at_least(o.batch_tokens, 0, "batch_tokens", context);
  at_least(o.batch_size, 1, "batch_size", context);
  at_least(o.gradient_accumulation_steps, 1, "gradient_accumulation_steps", context);
  check_argument(o.max_length == 0 || o.max_length >= 2, context, " expected max_length of at least 2, got ",
                 o.max_length);
  one_of(o.lr_scheduler, {"cosine", "linear", "constant"}, "lr_scheduler", context);
  within(o.warmup_ratio, 0, 1, "warmup_ratio", context);
  at_least(o.warmup_steps, 0, "warmup_steps", context);
  within(o.min_lr_ratio, 0, 1, "min_lr_ratio", context);
  check_argument(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1, context,
                 " expected beta1 and beta2 in [0, 1), got ", o.beta1, " and ", o.beta2);
  check_argument(o.epsilon > 0 && std::isfinite(o.epsilon), context, " expected epsilon > 0, got ",
                 o.epsilon);
  check_argument(o.max_grad_norm >= 0 && std::isfinite(o.max_grad_norm), context,
                 " expected max_grad_norm >= 0, got ", o.max_grad_norm);
  at_least(o.eval_steps, 0, "eval_steps", context);
  at_least(o.save_steps, 0, "save_steps", context);
  at_least(o.memory_budget_bytes, 0, "memory_budget_bytes", context);
  at_least(o.early_stopping_patience, 0, "early_stopping_patience", context);
  check_argument(o.early_stopping_threshold >= 0, context, " expected early_stopping_threshold >= 0, got ",
                 o.early_stopping_threshold);
  check_argument(!o.checkpoint_dir.empty() || (!o.resume && o.save_steps == 0), context,
                 " resume and save_steps need a checkpoint_dir");
  one_of(o.activation_dtype, {"float32", "bfloat16"}, "activation_dtype", context);
  one_of(o.on_masked_row, {"error", "drop"}, "on_masked_row", context);
  one_of(o.on_long_row, {"error", "drop", "truncate"}, "on_long_row", context);
}

void check_learning_rate(double learning_rate, double weight_decay, const std::string& context) {
  check_argument(std::isfinite(learning_rate) && learning_rate >= 0, context,
                 " expected learning_rate >= 0, got ", learning_rate);
  check_argument(std::isfinite(weight_decay) && weight_decay >= 0, context,
                 " expected weight_decay >= 0, got ", weight_decay);
}

void check_adapters(const std::vector<LoraOptions>& adapters, const std::string& context) {
  check_argument(!adapters.empty(), context, " expected at least one adapter");
  for (size_t i = 0; i < adapters.size(); ++i) {
    const LoraOptions& a = adapters[i];
    const std::string where = context + " adapter '" + base::printable(a.name) + "':";
    check_argument(!a.name.empty(), context, " adapter ", i, " has no name");
    for (size_t j = 0; j < i; ++j)
      check_argument(adapters[j].name != a.name, context, " two adapters are called '",
                     base::printable(a.name), "'");
    check_argument(!a.target_modules.empty(), where, " expected target_modules, got none");
    check_learning_rate(a.learning_rate, a.weight_decay, where);
  }
}

// Part of a run's identity: what came later is named where it is not as it was before.
Json to_json(const TrainOptions& o) {
  Json json = {{"epochs", o.max_steps > 0 ? 0 : o.epochs},
               {"max_steps", o.max_steps},
               {"batch_tokens", o.batch_tokens},
               {"batch_size", o.batch_size},
               {"gradient_accumulation_steps", o.gradient_accumulation_steps},
               {"max_length", o.max_length},
               {"packing", o.packing},
               {"lr_scheduler", o.lr_scheduler},
               {"warmup_ratio", o.warmup_ratio},
               {"warmup_steps", o.warmup_steps},
               {"min_lr_ratio", o.min_lr_ratio},
               {"beta1", o.beta1},
               {"beta2", o.beta2},
               {"epsilon", o.epsilon},
               {"max_grad_norm", o.max_grad_norm},
               {"seed", o.seed},
               {"eval_steps", o.eval_steps},
               {"early_stopping_patience", o.early_stopping_patience},
               {"early_stopping_threshold", o.early_stopping_threshold},
               {"keep_best", o.keep_best},
               {"on_masked_row", o.on_masked_row},
               {"on_long_row", o.on_long_row}};
  if (o.activation_dtype != "float32") json["activation_dtype"] = o.activation_dtype;
  return json;
}

Json to_json(const LoraOptions& o) {
  return {{"name", o.name},
          {"rank", o.rank},
          {"alpha", o.alpha},
          {"use_rslora", o.use_rslora},
          {"dropout", o.dropout},
          {"target_modules", o.target_modules},
          {"learning_rate", o.learning_rate},
          {"weight_decay", o.weight_decay},
          {"seed", o.seed}};
}

}  // namespace whorl::train
