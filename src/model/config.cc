#include "model/config.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "model/config_keys.h"
#include "model/family.h"

namespace whorl::model {

using base::invalid;
using base::Json;

namespace {

const Family& family_in(const Json& json, const std::string& context) {
  const std::string type = base::require_string(json, "model_type", context);
  if (base::has(json, "architectures")) {
    const auto names = base::require_strings(json, "architectures", context);
    for (const Family& family : families())
      if (names.size() == 1 && names[0] == family.architecture) {
        if (type != family.model_type)
          invalid(context, ": architecture ", names[0], " goes with model_type '", family.model_type,
                  "', got '", base::printable(type), "'");
        return family;
      }
    invalid(context, ": architecture '", base::printable(names.empty() ? "" : names[0]),
            "' is not supported; there is LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, "
            "Qwen3ForCausalLM");
  }
  return family_of(type, context);
}

std::string parse_dtype(const Json& json, const std::string& context) {
  const std::string fallback = base::string_or(json, "torch_dtype", "", context);
  std::string dtype = base::string_or(json, "dtype", fallback, context);
  if (dtype.rfind("torch.", 0) == 0) dtype = dtype.substr(6);
  return dtype;
}

// rope_theta and rope_scaling (transformers 4), or both in rope_parameters (transformers 5).
void parse_rope(const Json& json, const std::string& context, ModelConfig& config) {
  config.rope_theta = base::number_or(json, "rope_theta", 10000, context);
  const char* const field = base::has(json, "rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!base::has(json, field)) return;
  Json scaling = base::require_object(json, field, context);
  if (base::has(scaling, "rope_theta"))
    config.rope_theta = base::require_number(scaling, "rope_theta", context);
  scaling.erase("rope_theta");
  const RopeScaling parsed = parse_rope_scaling(scaling.dump(), context);
  if (parsed.kind != RopeScaling::Kind::none) config.rope_scaling = scaling.dump();
}

int64_t parse_window(const Json& json, const Family& family, const std::string& context) {
  if (!family.sliding_window) return 0;
  if (!json.contains("sliding_window")) return family.default_sliding_window;
  return base::int_or(json, "sliding_window", 0, context);
}

}  // namespace

std::vector<int64_t> parse_eos(const Json& json, const std::string& context) {
  if (!base::has(json, "eos_token_id")) return {};
  const Json& field = json.at("eos_token_id");
  if (field.is_number_integer()) return {base::require_int(json, "eos_token_id", context)};
  if (!field.is_array())
    invalid(context, ": expected field 'eos_token_id' to be an integer or a list of them, got ",
            base::kind_of(field));
  std::vector<int64_t> out;
  for (const Json& item : field) {
    if (!item.is_number_integer())
      invalid(context, ": expected integers in 'eos_token_id', got ", base::kind_of(item));
    out.push_back(item.get<int64_t>());
  }
  return out;
}

ModelConfig parse_config(const Json& json, const std::string& context) {
  if (!json.is_object()) invalid(context, ": expected an object, got ", base::kind_of(json));
  const Family& family = family_in(json, context);
  check_config_keys(json, family, context);
  ModelConfig config;
  config.model_type = family.model_type;
  config.vocab_size = base::require_int(json, "vocab_size", context);
  config.hidden_size = base::require_int(json, "hidden_size", context);
  config.intermediate_size = base::require_int(json, "intermediate_size", context);
  config.num_hidden_layers = base::require_int(json, "num_hidden_layers", context);
  config.num_attention_heads = base::require_int(json, "num_attention_heads", context);
  const int64_t kv = json.contains("num_key_value_heads") ? 0 : family.default_kv_heads;
  config.num_key_value_heads = base::int_or(json, "num_key_value_heads", kv, context);
  const int64_t head_dim = json.contains("head_dim") ? 0 : family.default_head_dim;
  config.head_dim = base::int_or(json, "head_dim", head_dim, context);
  config.max_position_embeddings =
      base::int_or(json, "max_position_embeddings", family.default_max_positions, context);
  config.rms_norm_eps = base::number_or(json, "rms_norm_eps", 1e-6, context);
  parse_rope(json, context, config);
  config.sliding_window = parse_window(json, family, context);
  config.tie_word_embeddings = base::bool_or(json, "tie_word_embeddings", false, context);
  config.attention_bias =
      family.biases == Biases::always_qkv || base::bool_or(json, "attention_bias", false, context);
  config.torch_dtype = parse_dtype(json, context);
  config.initializer_range = base::number_or(json, "initializer_range", 0.02, context);
  config.bos_token_id = base::int_or(json, "bos_token_id", -1, context);
  config.eos_token_ids = parse_eos(json, context);
  return complete_config(std::move(config), context);
}

RopeScaling parse_rope_scaling(const std::string& text, const std::string& context) {
  RopeScaling out;
  if (text.empty()) return out;
  const Json json = base::parse_json(text, context);
  if (!json.is_object())
    invalid(context, ": expected rope_scaling to be an object, got ", base::kind_of(json));
  const std::string legacy = base::string_or(json, "type", "default", context);
  const std::string type = base::string_or(json, "rope_type", legacy, context);
  if (type == "default") return out;
  if (type != "linear" && type != "llama3")
    invalid(context, ": rope type '", base::printable(type),
            "' is not supported; there is default, linear, llama3");
  out.factor = base::require_number(json, "factor", context);
  if (!(out.factor >= 1)) invalid(context, ": expected rope factor >= 1, got ", out.factor);
  if (type == "linear") {
    base::check_known_keys(json, {"rope_type", "type", "factor"}, context);
    out.kind = RopeScaling::Kind::linear;
    return out;
  }
  base::check_known_keys(json,
                         {"rope_type", "type", "factor", "low_freq_factor", "high_freq_factor",
                          "original_max_position_embeddings"},
                         context);
  out.kind = RopeScaling::Kind::llama3;
  out.low_freq_factor = base::require_number(json, "low_freq_factor", context);
  out.high_freq_factor = base::require_number(json, "high_freq_factor", context);
  out.original_max_position_embeddings = base::require_int(json, "original_max_position_embeddings", context);
  if (!(out.low_freq_factor > 0 && out.high_freq_factor > out.low_freq_factor))
    invalid(context, ": expected 0 < low_freq_factor < high_freq_factor, got ", out.low_freq_factor, " and ",
            out.high_freq_factor);
  if (out.original_max_position_embeddings < 1)
    invalid(context, ": expected a positive original_max_position_embeddings, got ",
            out.original_max_position_embeddings);
  return out;
}

Json to_json(const ModelConfig& config) {
  const Family& family = family_of(config.model_type, "[Model.save]");
  Json json = Json::object();
  json["architectures"] = {family.architecture};
  json["model_type"] = config.model_type;
  if (family.biases == Biases::optional_qkvo) json["attention_bias"] = config.attention_bias;
  json["attention_dropout"] = 0.0;
  json["bos_token_id"] = config.bos_token_id < 0 ? Json(nullptr) : Json(config.bos_token_id);
  if (config.eos_token_ids.empty())
    json["eos_token_id"] = nullptr;
  else if (config.eos_token_ids.size() == 1)
    json["eos_token_id"] = config.eos_token_ids[0];
  else
    json["eos_token_id"] = config.eos_token_ids;
  json["head_dim"] = config.head_dim;
  json["hidden_act"] = "silu";
  json["hidden_size"] = config.hidden_size;
  json["initializer_range"] = config.initializer_range;
  json["intermediate_size"] = config.intermediate_size;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json["num_attention_heads"] = config.num_attention_heads;
  json["num_hidden_layers"] = config.num_hidden_layers;
  json["num_key_value_heads"] = config.num_key_value_heads;
  json["rms_norm_eps"] = config.rms_norm_eps;
  json["rope_scaling"] = config.rope_scaling.empty() ? Json(nullptr) : Json::parse(config.rope_scaling);
  json["rope_theta"] = config.rope_theta;
  if (family.sliding_window)
    json["sliding_window"] = config.sliding_window > 0 ? Json(config.sliding_window) : Json(nullptr);
  if (config.model_type == "qwen2" || config.model_type == "qwen3") json["use_sliding_window"] = false;
  json["tie_word_embeddings"] = config.tie_word_embeddings;
  json["torch_dtype"] = config.torch_dtype;
  json["use_cache"] = true;
  json["vocab_size"] = config.vocab_size;
  return json;
}

}  // namespace whorl::model
