#include "model/config_keys.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "base/check.h"
#include "base/file.h"
#include "base/log.h"

namespace whorl::model {

using base::invalid;
using base::Json;

namespace {

// Read by parse_config, or checked below.
const std::set<std::string_view> kRead = {"architectures",
                                          "model_type",
                                          "vocab_size",
                                          "hidden_size",
                                          "intermediate_size",
                                          "num_hidden_layers",
                                          "num_attention_heads",
                                          "num_key_value_heads",
                                          "head_dim",
                                          "max_position_embeddings",
                                          "rms_norm_eps",
                                          "rope_theta",
                                          "rope_scaling",
                                          "rope_parameters",
                                          "sliding_window",
                                          "tie_word_embeddings",
                                          "attention_bias",
                                          "torch_dtype",
                                          "dtype",
                                          "initializer_range",
                                          "bos_token_id",
                                          "eos_token_id",
                                          "hidden_act",
                                          "use_sliding_window",
                                          "max_window_layers",
                                          "layer_types",
                                          "mlp_bias",
                                          "partial_rotary_factor",
                                          "quantization_config",
                                          "rotary_dim",
                                          "is_encoder_decoder",
                                          "add_cross_attention",
                                          "is_decoder"};

// No influence on the logits of a decoder in inference or on the loss.
const std::set<std::string_view> kHarmless = {"attention_dropout",
                                              "pretraining_tp",
                                              "use_cache",
                                              "pad_token_id",
                                              "transformers_version",
                                              "_name_or_path",
                                              "name_or_path",
                                              "_attn_implementation",
                                              "_attn_implementation_autoset",
                                              "auto_map",
                                              "output_attentions",
                                              "output_hidden_states",
                                              "return_dict",
                                              "return_dict_in_generate",
                                              "output_scores",
                                              "torchscript",
                                              "use_bfloat16",
                                              "unsloth_version",
                                              "unsloth_fixed",
                                              "task_specific_params",
                                              "problem_type",
                                              "id2label",
                                              "label2id",
                                              "num_labels",
                                              "finetuning_task",
                                              "tokenizer_class",
                                              "prefix",
                                              "sep_token_id",
                                              "decoder_start_token_id",
                                              "chunk_size_feed_forward",
                                              "gradient_checkpointing",
                                              "classifier_dropout",
                                              "embd_pdrop",
                                              "resid_pdrop",
                                              "attn_pdrop",
                                              "hidden_dropout",
                                              "bad_words_ids",
                                              "forced_bos_token_id",
                                              "forced_eos_token_id",
                                              "max_length",
                                              "min_length",
                                              "do_sample",
                                              "early_stopping",
                                              "num_beams",
                                              "temperature",
                                              "top_k",
                                              "top_p",
                                              "typical_p",
                                              "repetition_penalty",
                                              "length_penalty",
                                              "no_repeat_ngram_size",
                                              "diversity_penalty",
                                              "encoder_no_repeat_ngram_size",
                                              "num_beam_groups",
                                              "num_return_sequences",
                                              "remove_invalid_values",
                                              "exponential_decay_length_penalty",
                                              "suppress_tokens",
                                              "begin_suppress_tokens",
                                              "tf_legacy_loss",
                                              "original_max_position_embeddings_note",
                                              "model_name",
                                              "language",
                                              "license",
                                              "neftune_noise_alpha"};

// An unknown key that sounds like arithmetic is refused unless it is switched off.
constexpr std::array<std::string_view, 26> kSuspicious = {
    "scal",       "cap",       "window", "expert", "norm",       "rope", "rotary",   "bias", "quant",
    "multiplier", "attention", "attn",   "layer",  "sparse",     "moe",  "router",   "mlp",  "logit",
    "residual",   "embedding", "clip",   "alibi",  "activation", "head", "position", "chunk"};

bool switched_off(const Json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         (value.is_number() && value.get<double>() == 0) ||
         ((value.is_string() || value.is_array() || value.is_object()) && value.empty());
}

[[noreturn]] void refuse(const std::string& context, std::string_view key, const Json& value) {
  invalid(context, ": '", base::printable(key), "' = ", base::printable(value.dump(), 80),
          " would change what the model computes and is not supported");
}

void require_off(const Json& json, const char* key, const std::string& context) {
  const auto it = json.find(key);
  if (it != json.end() && !switched_off(*it)) refuse(context, key, *it);
}

// Qwen2 and Qwen3: layers from max_window_layers on would slide. Fine where there is no such layer.
void check_windows(const Json& json, const Family& family, const std::string& context) {
  if (!family.sliding_window && base::bool_or(json, "use_sliding_window", false, context)) {
    const int64_t layers = base::require_int(json, "num_hidden_layers", context);
    if (base::int_or(json, "max_window_layers", 28, context) < layers)
      refuse(context, "use_sliding_window", json.at("use_sliding_window"));
  }
  if (!base::has(json, "layer_types")) return;
  const bool window = family.sliding_window &&
                      base::int_or(json, "sliding_window", family.default_sliding_window, context) > 0;
  const std::string expected = window ? "sliding_attention" : "full_attention";
  for (const std::string& type : base::require_strings(json, "layer_types", context))
    if (type != expected) refuse(context, "layer_types", json.at("layer_types"));
}

}  // namespace

void check_config_keys(const Json& json, const Family& family, const std::string& context) {
  const std::string act = base::string_or(json, "hidden_act", "silu", context);
  if (act != "silu" && act != "swish") refuse(context, "hidden_act", json.at("hidden_act"));
  for (const char* key :
       {"mlp_bias", "quantization_config", "rotary_dim", "is_encoder_decoder", "add_cross_attention"})
    require_off(json, key, context);
  if (family.biases == Biases::never) require_off(json, "attention_bias", context);
  if (base::number_or(json, "partial_rotary_factor", 1, context) != 1)
    refuse(context, "partial_rotary_factor", json.at("partial_rotary_factor"));
  check_windows(json, family, context);
  for (const auto& [key, value] : json.items()) {
    if (kRead.contains(key) || kHarmless.contains(key) || switched_off(value)) continue;
    const std::string& name = key;
    const bool suspicious =
        std::any_of(kSuspicious.begin(), kSuspicious.end(),
                    [&name](std::string_view part) { return name.find(part) != std::string::npos; });
    if (suspicious) refuse(context, name, value);
    base::log(base::LogLevel::info, context, ": key '", base::printable(name),
              "' is not known and has no effect");
  }
}

}  // namespace whorl::model
