// Do the numbers fit together? The same questions for a file and for Model::create.
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/file.h"
#include "model/config.h"
#include "model/family.h"

namespace whorl::model {

using base::check_argument;

namespace {

// Far beyond any real model, and small enough that no product of two of them overflows.
constexpr int64_t kLargest = int64_t{1} << 28;

void check_size(int64_t value, const char* name, const std::string& context) {
  check_argument(value > 0 && value <= kLargest, context, ": expected ", name,
                 " to be a positive integer, at most ", kLargest, ", got ", value);
}

void check_sizes(const ModelConfig& c, const std::string& context) {
  check_size(c.vocab_size, "vocab_size", context);
  check_size(c.hidden_size, "hidden_size", context);
  check_size(c.intermediate_size, "intermediate_size", context);
  check_size(c.num_hidden_layers, "num_hidden_layers", context);
  check_size(c.num_attention_heads, "num_attention_heads", context);
  check_size(c.num_key_value_heads, "num_key_value_heads", context);
  check_size(c.head_dim, "head_dim", context);
  check_size(c.max_position_embeddings, "max_position_embeddings", context);
  check_argument(c.num_hidden_layers <= 10000, context, ": expected at most 10000 layers, got ",
                 c.num_hidden_layers);
  check_argument(c.num_attention_heads % c.num_key_value_heads == 0, context,
                 ": expected num_attention_heads (", c.num_attention_heads,
                 ") to be a multiple of num_key_value_heads (", c.num_key_value_heads, ")");
  check_argument(c.head_dim % 2 == 0, context, ": expected an even head_dim, got ", c.head_dim);
  check_argument(c.head_dim * c.num_attention_heads <= kLargest, context, ": attention is too wide");
}

void check_ids(const ModelConfig& c, const std::string& context) {
  check_argument(c.bos_token_id >= -1 && c.bos_token_id < c.vocab_size, context, ": bos_token_id ",
                 c.bos_token_id, " is outside the vocabulary of ", c.vocab_size);
  for (const int64_t id : c.eos_token_ids)
    check_argument(id >= 0 && id < c.vocab_size, context, ": eos_token_id ", id,
                   " is outside the vocabulary of ", c.vocab_size);
}

}  // namespace

ModelConfig complete_config(ModelConfig c, const std::string& context) {
  const Family& family = family_of(c.model_type, context);
  if (c.num_key_value_heads == 0) c.num_key_value_heads = c.num_attention_heads;
  if (c.head_dim == 0 && c.num_attention_heads > 0) {
    check_argument(c.hidden_size % c.num_attention_heads == 0, context, ": expected hidden_size (",
                   c.hidden_size, ") to be a multiple of num_attention_heads (", c.num_attention_heads,
                   ") where head_dim is not given");
    c.head_dim = c.hidden_size / c.num_attention_heads;
  }
  if (family.biases == Biases::always_qkv) c.attention_bias = true;
  check_sizes(c, context);
  check_ids(c, context);
  check_argument(c.rms_norm_eps > 0 && c.rms_norm_eps < 1, context, ": expected rms_norm_eps in (0, 1), got ",
                 c.rms_norm_eps);
  check_argument(std::isfinite(c.rope_theta) && c.rope_theta > 0, context,
                 ": expected a positive rope_theta, got ", c.rope_theta);
  check_argument(c.sliding_window >= 0, context, ": expected sliding_window >= 0, got ", c.sliding_window);
  check_argument(c.sliding_window == 0 || family.sliding_window, context, ": model_type '", c.model_type,
                 "' has no sliding window here, got sliding_window ", c.sliding_window);
  check_argument(!c.attention_bias || family.biases != Biases::never, context, ": model_type '", c.model_type,
                 "' has no attention_bias");
  parse_rope_scaling(c.rope_scaling, context);
  if (c.torch_dtype.empty()) c.torch_dtype = "auto";
  check_argument(c.torch_dtype == "auto" || c.torch_dtype == "float32" || c.torch_dtype == "bfloat16" ||
                     c.torch_dtype == "float16",
                 context, ": expected torch_dtype to be float32, bfloat16 or float16, got '",
                 base::printable(c.torch_dtype), "'");
  return c;
}

}  // namespace whorl::model
