// adapter_config.json. Fields fall into three kinds: what plain LoRA needs is applied; what matters only for
// training or provenance is passed over; what changes the forward pass otherwise is refused by name.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "adapter/peft.h"
#include "base/check.h"
#include "base/json.h"

namespace whorl::adapter {

namespace {

using base::invalid;
using base::Json;
using base::printable;

// Null, false, empty: the field is there but does nothing.
bool is_off(const Json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  return value.is_null() || ((value.is_array() || value.is_object() || value.is_string()) && value.empty()) ||
         (value.is_string() && value == "");
}

struct Refused {
  const char* field;
  const char* why;
};
constexpr Refused refused_fields[] = {
    {"use_dora", "DoRA scales the summed weight by a learned magnitude"},
    {"alora_invocation_tokens", "an activated LoRA applies only after certain tokens"},
    {"use_qalora", "QA-LoRA pools the inputs before A"},
    {"monteclora_config", "Monte Carlo LoRA samples A"},
    {"kasa_config", "KaSA changes the base weight"},
    {"use_bdlora", "block-diagonal LoRA has other matrices"},
    {"arrow_config", "Arrow routes between adapters"},
    {"layer_replication", "it builds a deeper model"},
    {"target_parameters", "it adapts bare parameters (experts)"},
    {"modules_to_save", "it replaces whole modules of the base model"},
    {"trainable_token_indices", "it replaces rows of the embedding"},
    {"lora_bias", "it adds a bias to B"},
    {"megatron_config", "it adapts Megatron's layers"},
};

constexpr const char* passed_over[] = {
    "auto_mapping",      "peft_version",  "inference_mode", "fan_in_fan_out", "ensure_weight_tying",
    "loftq_config",      "eva_config",    "corda_config",   "lora_ga_config", "velora_config",
    "qalora_group_size", "megatron_core", "runtime_config"};
constexpr const char* applied[] = {"peft_type",
                                   "task_type",
                                   "base_model_name_or_path",
                                   "revision",
                                   "r",
                                   "lora_alpha",
                                   "use_rslora",
                                   "rank_pattern",
                                   "alpha_pattern",
                                   "target_modules",
                                   "bias",
                                   "exclude_modules",
                                   "layers_pattern",
                                   "lora_dropout",
                                   "layers_to_transform",
                                   "init_lora_weights"};

std::vector<std::string> known_fields() {
  std::vector<std::string> out(std::begin(applied), std::end(applied));
  out.insert(out.end(), std::begin(passed_over), std::end(passed_over));
  for (const Refused& field : refused_fields) out.push_back(field.field);
  return out;
}

void refuse_what_is_not_plain_lora(const Json& json, const std::string& context) {
  const std::string type = base::require_string(json, "peft_type", context);
  if (type != "LORA") invalid(context, ": expected peft_type 'LORA', got '", printable(type), "'");
  for (const Refused& field : refused_fields)
    if (json.contains(field.field) && !is_off(json.at(field.field)))
      invalid(context, ": uses ", field.field, ", which is not plain LoRA (", field.why,
              "); merge it into the base instead");
  const std::string bias = base::string_or(json, "bias", "none", context);
  if (bias != "none")
    invalid(context, ": expected bias 'none', got '", printable(bias),
            "': trained biases change the base model");
}

// A newer PEFT may know more fields. One that is switched off, or at least is not a misspelling, is reported.
void look_at_unknown_fields(const Json& json, const std::string& context,
                            std::vector<std::string>* warnings) {
  const std::vector<std::string> known = known_fields();
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string nearest = base::nearest_name(key, known);
    if (!nearest.empty() && !json.contains(nearest))
      invalid(context, ": unknown key '", printable(key), "'; did you mean '", nearest, "'?");
    if (warnings)
      warnings->push_back("adapter_config.json: key '" + printable(key) + "' is not known and has no effect");
  }
}

// A list of names, or a string that is a regular expression ("all-linear" where `shorthand`).
Targets targets_from(const Json& json, const char* key, bool shorthand, const std::string& context) {
  Targets out;
  if (!base::has(json, key)) return out;
  const Json& value = json.at(key);
  if (value.is_array()) {
    out.kind = Targets::Kind::list;
    out.names = base::require_strings(json, key, context);
    if (shorthand && out.names.empty()) invalid(context, ": ", key, " is an empty list");
    std::sort(out.names.begin(), out.names.end());
    return out;
  }
  std::string text = base::require_string(json, key, context);
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  out.kind = shorthand && lower == "all-linear" ? Targets::Kind::all_linear : Targets::Kind::regex;
  if (out.kind == Targets::Kind::regex) out.regex = std::move(text);
  return out;
}

template <class Value, class Read>
std::vector<std::pair<std::string, Value>> pattern_from(const Json& json, const char* key,
                                                        const std::string& context, Read read) {
  std::vector<std::pair<std::string, Value>> out;
  if (!base::has(json, key)) return out;
  for (const auto& [pattern, value] : base::require_object(json, key, context).items())
    out.emplace_back(pattern, read(json.at(key), pattern.c_str(), base::concat(context, ": ", key)));
  return out;
}

std::string init_from(const Json& json, const std::string& context) {
  if (!base::has(json, "init_lora_weights")) return "true";
  const Json& value = json.at("init_lora_weights");
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  const std::string name = base::require_string(json, "init_lora_weights", context);
  for (const char* changing : {"pissa", "olora", "corda", "lora_ga", "loftq"})
    if (name.rfind(changing, 0) == 0)
      invalid(context, ": init_lora_weights '", printable(name),
              "' changes the base model; convert the adapter to ",
              "plain LoRA when saving (PEFT: path_initial_model_for_weight_conversion)");
  return name;
}

void read_layer_filter(const Json& json, LoraConfig& config, const std::string& context) {
  if (base::has(json, "layers_to_transform")) {
    const Json& value = json.at("layers_to_transform");
    for (const Json& layer : value.is_array() ? value : Json::array({value})) {
      if (!layer.is_number_integer() || layer < 0)
        invalid(context, ": expected layers_to_transform to hold layer numbers, got ", base::kind_of(layer));
      config.layers_to_transform.push_back(layer.get<int64_t>());
    }
  }
  if (base::has(json, "layers_pattern")) {
    if (json.at("layers_pattern").is_string())
      config.layers_pattern = {base::require_string(json, "layers_pattern", context)};
    else
      config.layers_pattern = base::require_strings(json, "layers_pattern", context);
    std::erase(config.layers_pattern, "");
  }
  const bool filtered = !config.layers_to_transform.empty() || !config.layers_pattern.empty();
  if (filtered && config.targets.kind == Targets::Kind::regex)
    invalid(context, ": layers_to_transform and layers_pattern need target_modules as a list");
}

}  // namespace

LoraConfig parse_peft_config(const std::string& text, const std::string& context,
                             std::vector<std::string>* warnings) {
  const Json json = base::parse_json(text, context, {.max_depth = 64, .max_bytes = 4u << 20});
  refuse_what_is_not_plain_lora(json, context);
  look_at_unknown_fields(json, context, warnings);
  LoraConfig config;
  config.rank = base::int_or(json, "r", 8, context);
  config.alpha = base::number_or(json, "lora_alpha", 8, context);
  config.use_rslora = base::bool_or(json, "use_rslora", false, context);
  config.rank_pattern = pattern_from<int64_t>(json, "rank_pattern", context, base::require_int);
  config.alpha_pattern = pattern_from<double>(json, "alpha_pattern", context, base::require_number);
  config.targets = targets_from(json, "target_modules", true, context);
  config.exclude = targets_from(json, "exclude_modules", false, context);
  read_layer_filter(json, config, context);
  config.dropout = base::number_or(json, "lora_dropout", 0, context);
  config.init = init_from(json, context);
  config.task_type = base::string_or(json, "task_type", "CAUSAL_LM", context);
  config.base_model_name_or_path = base::string_or(json, "base_model_name_or_path", "", context);
  config.revision = base::string_or(json, "revision", "", context);
  check_config(config, context);
  return config;
}

namespace {

// 16.0 is written as 16: PEFT's schema says integer, and some readers insist.
Json tidy_number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

Json to_json(const Targets& targets) {
  switch (targets.kind) {
    case Targets::Kind::list:
      return targets.names;
    case Targets::Kind::regex:
      return targets.regex;
    case Targets::Kind::all_linear:
      return "all-linear";
    case Targets::Kind::family_default:
      break;
  }
  return nullptr;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

std::string to_peft_config(const LoraConfig& config) {
  Json json = {{"auto_mapping", nullptr},
               {"bias", "none"},
               {"fan_in_fan_out", false},
               {"inference_mode", true},
               {"modules_to_save", nullptr},
               {"peft_type", "LORA"},
               {"use_dora", false},
               {"r", config.rank},
               {"lora_alpha", tidy_number(config.alpha)},
               {"lora_dropout", config.dropout},
               {"use_rslora", config.use_rslora},
               {"target_modules", to_json(config.targets)},
               {"task_type", text_or_null(config.task_type)},
               {"base_model_name_or_path", text_or_null(config.base_model_name_or_path)},
               {"revision", text_or_null(config.revision)},
               {"layers_pattern", nullptr},
               {"layers_to_transform", nullptr},
               {"rank_pattern", Json::object()},
               {"alpha_pattern", Json::object()}};
  json["init_lora_weights"] =
      config.init == "true" || config.init == "false" ? Json(config.init == "true") : Json(config.init);
  if (config.exclude.kind != Targets::Kind::family_default) json["exclude_modules"] = to_json(config.exclude);
  if (!config.layers_to_transform.empty()) json["layers_to_transform"] = config.layers_to_transform;
  if (!config.layers_pattern.empty()) json["layers_pattern"] = config.layers_pattern;
  for (const auto& [key, rank] : config.rank_pattern) json["rank_pattern"][key] = rank;
  for (const auto& [key, alpha] : config.alpha_pattern) json["alpha_pattern"][key] = tidy_number(alpha);
  return base::to_sorted_json(json);
}

}  // namespace whorl::adapter
