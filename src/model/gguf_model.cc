#include "model/gguf_model.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/file.h"
#include "model/config.h"
#include "model/gguf_keys.h"
#include "model/gguf_rope.h"
#include "model/weights.h"
#include "tensor/safetensors.h"

namespace whorl::model {

using base::concat;
using base::invalid;

namespace {

int64_t head_size(const GgufKeys& keys, const std::string& arch) {
  if (const auto* given = keys.find<int64_t>(arch + ".attention.key_length")) return *given;
  return keys.need<int64_t>(arch + ".embedding_length") /
         std::max<int64_t>(1, keys.need<int64_t>(arch + ".attention.head_count"));
}

// Keys that would change the forward pass unless they have the value given.
void refuse_others(const GgufKeys& keys, const std::string& arch) {
  for (const char* key : {".expert_count", ".attention.sliding_window"})
    if (const auto* value = keys.find<int64_t>(arch + key); value && *value != 0)
      invalid(keys.context, ": '", arch, key, "' is ", *value, ", which is not computed here");
  const auto* turned = keys.find<int64_t>(arch + ".rope.dimension_count");
  const int64_t size = head_size(keys, arch);
  if (turned && *turned != size)
    invalid(keys.context, ": rotary positions over ", *turned, " of ", size, " numbers of a head");
}

// What ends a text, a turn (eot) or a message to a tool (eom); a text's end comes first.
std::vector<int64_t> ending_ids(const GgufKeys& keys) {
  std::vector<int64_t> out;
  for (const char* name : {"eos", "eot", "eom"})
    if (const auto* id = keys.find<int64_t>(concat("tokenizer.ggml.", name, "_token_id"));
        id && std::find(out.begin(), out.end(), *id) == out.end())
      out.push_back(*id);
  return out;
}

bool has_tensor(const tensor::Gguf& file, const std::string& name) {
  return std::any_of(file.tensors().begin(), file.tensors().end(),
                     [&](const tensor::GgufTensor& t) { return t.name == name; });
}

// "model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight".
std::string gguf_name(const std::string& name) {
  static const std::map<std::string, std::string> whole = {{kEmbeddingName, "token_embd.weight"},
                                                           {kFinalNormName, "output_norm.weight"},
                                                           {kHeadName, "output.weight"}};
  if (const auto found = whole.find(name); found != whole.end()) return found->second;
  static const std::map<std::string, std::string> parts = {
      {"input_layernorm", "attn_norm"},    {"post_attention_layernorm", "ffn_norm"},
      {"self_attn.q_proj", "attn_q"},      {"self_attn.k_proj", "attn_k"},
      {"self_attn.v_proj", "attn_v"},      {"self_attn.o_proj", "attn_output"},
      {"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"},
      {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"}};
  constexpr size_t start = std::string_view("model.layers.").size();
  const size_t part = name.find('.', start) + 1, end = name.rfind('.');
  return concat("blk.", name.substr(start, part - start), parts.at(name.substr(part, end - part)),
                name.substr(end));
}

// Llama's files hold the rows of queries and keys in pairs (i, i + half) side by side: put them back.
int64_t paired_row(int64_t row, int64_t head_dim) {
  const int64_t half = head_dim / 2, in_head = row % head_dim;
  return row - in_head + in_head % half * 2 + in_head / half;
}

Tensor unpaired(const Tensor& x, int64_t head_dim) {
  Tensor out = Tensor::zeros(x.dtype(), x.shape());
  const size_t width = x.nbytes() / static_cast<size_t>(x.dim(0));
  for (int64_t row = 0; row < x.dim(0); ++row) {
    const int64_t from = paired_row(row, head_dim);
    std::memcpy(static_cast<char*>(out.raw()) + static_cast<size_t>(row) * width,
                static_cast<const char*>(x.raw()) + static_cast<size_t>(from) * width, width);
  }
  return out;
}

bool paired(const ModelConfig& config, const std::string& name) {
  return config.model_type == "llama" &&
         (name.find(".q_proj.") != std::string::npos || name.find(".k_proj.") != std::string::npos);
}

}  // namespace

base::Json gguf_config(const tensor::Gguf& file, const std::string& context) {
  const GgufKeys keys{file.metadata(), context};
  const std::string arch = keys.need<std::string>("general.architecture");
  if (arch != "llama" && arch != "qwen2" && arch != "qwen3")
    invalid(context, ": expected architecture llama, qwen2 or qwen3, got '", base::printable(arch), "'");
  refuse_others(keys, arch);
  base::Json json = {{"model_type", arch}, {"tie_word_embeddings", !has_tensor(file, "output.weight")}};
  for (const auto& [name, key] :
       std::map<std::string, std::string>{{"num_hidden_layers", ".block_count"},
                                          {"hidden_size", ".embedding_length"},
                                          {"intermediate_size", ".feed_forward_length"},
                                          {"num_attention_heads", ".attention.head_count"},
                                          {"max_position_embeddings", ".context_length"}})
    json[name] = keys.need<int64_t>(arch + key);
  json["rms_norm_eps"] = keys.need<double>(arch + ".attention.layer_norm_rms_epsilon");
  if (const auto* v = keys.find<int64_t>(arch + ".attention.head_count_kv")) json["num_key_value_heads"] = *v;
  if (const auto* v = keys.find<int64_t>(arch + ".attention.key_length")) json["head_dim"] = *v;
  if (const auto* v = keys.find<double>(arch + ".rope.freq_base")) json["rope_theta"] = *v;
  if (const auto* v = keys.find<int64_t>("tokenizer.ggml.bos_token_id")) json["bos_token_id"] = *v;
  if (const auto ids = ending_ids(keys); !ids.empty()) json["eos_token_id"] = ids;
  if (base::Json scaling = gguf_rope_scaling(file, keys, arch, head_size(keys, arch)); !scaling.is_null())
    json["rope_scaling"] = std::move(scaling);
  json["vocab_size"] = file.info("token_embd.weight").shape.front();
  if (arch == "llama" && has_tensor(file, "blk.0.attn_q.bias")) json["attention_bias"] = true;
  return json;
}

void check_gguf_tensors(const tensor::Gguf& file, const ModelConfig& config, const std::string& context) {
  std::set<std::string> expected;
  if (config.model_type == "llama") expected.insert(kRopeDivisors);  // read with the configuration
  for (const TensorSpec& spec : tensor_specs(config)) {
    const std::string name = gguf_name(spec.name);
    expected.insert(name);
    if (!has_tensor(file, name)) invalid(context, ": missing tensor '", name, "'");
    if (file.info(name).shape != spec.shape)
      invalid(context, ": tensor '", name, "': expected shape ", to_string(spec.shape), ", got ",
              to_string(file.info(name).shape));
  }
  for (const tensor::GgufTensor& t : file.tensors())
    if (!expected.contains(t.name))
      invalid(context, ": tensor '", base::printable(t.name), "' is not known to this architecture");
}

std::string gguf_dtype(const tensor::Gguf& file) {
  for (const tensor::GgufTensor& t : file.tensors())
    if (t.shape.size() > 1 && t.type != tensor::GgufType::bf16) return "float32";
  return "bfloat16";
}

std::string gguf_tensor_name(const TensorSpec& spec) { return gguf_name(spec.name); }

bool gguf_moves_rows(const ModelConfig& config, const TensorSpec& spec) { return paired(config, spec.name); }

int64_t gguf_row(const ModelConfig& config, const TensorSpec& spec, int64_t row) {
  return paired(config, spec.name) ? paired_row(row, config.head_dim) : row;
}

Tensor read_gguf_tensor(const tensor::Gguf& file, const ModelConfig& config, const TensorSpec& spec,
                        const std::string& dtype, const std::string& context) {
  Tensor x = file.tensor(gguf_name(spec.name));
  if (const int64_t bad = tensor::count_not_finite(x); bad > 0)
    invalid(context, ": tensor '", gguf_name(spec.name), "' has ", bad, " values that are NaN or infinite");
  if (paired(config, spec.name)) x = unpaired(x, config.head_dim);
  return convert(x, dtype_named(dtype, context));
}

}  // namespace whorl::model
