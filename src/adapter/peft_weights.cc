// adapter_model.safetensors, and the folder as a whole.
#include <re2/re2.h>

#include "adapter/peft.h"
#include "adapter/targets.h"
#include "base/check.h"
#include "base/json.h"
#include "tensor/convert.h"
#include "tensor/safetensors.h"

namespace whorl::adapter {

namespace {

using base::invalid;
using base::printable;

constexpr std::string_view prefix = "base_model.model.";
constexpr uint64_t max_weights_bytes = uint64_t{1} << 36;
constexpr uint64_t max_config_bytes = 4u << 20;

bool take_ending(std::string& text, std::string_view ending) {
  if (text.size() <= ending.size() || text.compare(text.size() - ending.size(), ending.size(), ending) != 0)
    return false;
  text.resize(text.size() - ending.size());
  return true;
}

[[noreturn]] void refuse_tensor(const std::string& name, const std::string& context) {
  struct Kind {
    const char* part;
    const char* what;
  };
  constexpr Kind kinds[] = {{".lora_magnitude_vector", "a DoRA magnitude"},
                            {".lora_embedding_", "a LoRA of an embedding"},
                            {".lora_B.bias", "a bias of B"},
                            {".trainable_tokens", "replaced rows of an embedding"},
                            {".bias", "a trained bias"},
                            {".vera_", "a VeRA vector"}};
  for (const Kind& kind : kinds)
    if (name.find(kind.part) != std::string::npos)
      invalid(context, ": tensor '", printable(name), "' is ", kind.what, ", which is not plain LoRA");
  invalid(context, ": tensor '", printable(name),
          "' is neither a lora_A.weight nor a lora_B.weight; ignoring it would ",
          "change what the adapter computes");
}

std::map<std::string, LoraModule> pair_up(const tensor::Safetensors& file, const std::string& context) {
  std::map<std::string, LoraModule> modules;
  for (const std::string& name : file.names()) {
    std::string module = name.substr(0, prefix.size()) == prefix ? name.substr(prefix.size()) : name;
    const bool is_a = take_ending(module, ".lora_A.weight");
    if (!is_a && !take_ending(module, ".lora_B.weight")) refuse_tensor(name, context);
    const Tensor stored = file.tensor(name);
    if (stored.shape().size() != 2 || stored.numel() == 0)
      invalid(context, ": tensor '", printable(name), "': expected a matrix, got ",
              to_string(stored.shape()));
    LoraModule& entry = modules[module];
    Tensor& half = is_a ? entry.a : entry.b;
    if (!half.empty())
      invalid(context, ": tensor '", printable(name), "' stands there twice, with and without its prefix");
    half = tensor::convert(stored, DType::float32);
    entry.name = module;
  }
  for (const auto& [name, module] : modules)
    if (module.a.empty() || module.b.empty())
      invalid(context, ": tensor '", printable(tensor_name(name, module.a.empty() ? 'A' : 'B')),
              "' is missing");
  return modules;
}

}  // namespace

std::string tensor_name(const std::string& module, char matrix) {
  return base::concat(prefix, module, ".lora_", matrix, ".weight");
}

LoraAdapter parse_peft(const std::string& config, const std::string& weights, const std::string& context) {
  LoraAdapter out;
  out.config = parse_peft_config(config, context + "/" + config_file, &out.warnings);
  const std::string where = context + "/" + weights_file;
  const auto file =
      tensor::Safetensors::from_bytes(weights, nullptr, where, tensor::SafetensorsLimits::adapter());
  std::map<std::string, LoraModule> modules = pair_up(file, where);
  std::vector<std::string> names;
  for (const auto& [name, module] : modules) names.push_back(name);
  const auto resolved = resolve_modules(out.config, names, context + "/" + config_file);
  for (auto& [name, module] : modules) {
    const ResolvedModule& r = resolved.at(name);
    module.rank = r.rank;
    module.alpha = r.alpha;
    module.scale = r.scale;
    out.modules.push_back(std::move(module));
  }
  out.metadata = file.metadata();
  out.metadata.erase("format");
  if (!names.empty() && file.info(file.names().front()).dtype == "BF16") out.stored_dtype = "bfloat16";
  check_lora(out, where);
  return out;
}

namespace {
std::map<std::string, std::string> with_format(std::map<std::string, std::string> metadata) {
  metadata["format"] = "pt";
  return metadata;
}

// Patterns as PEFT will read them back: it sorts the keys, and the first match wins. Where that would change
// a module's rank or alpha, the patterns are replaced by one exact name per module.
LoraConfig with_stable_patterns(const LoraAdapter& adapter) {
  LoraConfig config = adapter.config;
  std::sort(config.rank_pattern.begin(), config.rank_pattern.end());
  std::sort(config.alpha_pattern.begin(), config.alpha_pattern.end());
  std::vector<std::string> names;
  for (const LoraModule& module : adapter.modules) names.push_back(module.name);
  const auto resolved = resolve_modules(config, names, "[Adapter.save]");
  const bool stable =
      std::all_of(adapter.modules.begin(), adapter.modules.end(), [&](const LoraModule& module) {
        const ResolvedModule& r = resolved.at(module.name);
        return r.rank == module.rank && r.alpha == module.alpha;
      });
  if (stable) return config;
  config.rank_pattern.clear();
  config.alpha_pattern.clear();
  for (const LoraModule& module : adapter.modules) {
    const std::string key = RE2::QuoteMeta(module.name);
    if (module.rank != config.rank) config.rank_pattern.emplace_back(key, module.rank);
    if (module.alpha != config.alpha) config.alpha_pattern.emplace_back(key, module.alpha);
  }
  return config;
}
}  // namespace

std::string to_peft_config(const LoraAdapter& adapter) {
  return to_peft_config(with_stable_patterns(adapter));
}

std::string to_peft_weights(const LoraAdapter& adapter, const std::string& dtype) {
  base::check_argument(dtype == "float32" || dtype == "bfloat16",
                       "[Adapter.save] expected dtype 'float32' or 'bfloat16', got '", printable(dtype), "'");
  std::map<std::string, Tensor> tensors;
  for (const LoraModule& module : adapter.modules)
    for (const auto& [matrix, letter] : {std::pair{&module.a, 'A'}, std::pair{&module.b, 'B'}})
      tensors[tensor_name(module.name, letter)] =
          dtype == "float32" ? *matrix : tensor::convert(*matrix, DType::bfloat16);
  return tensor::to_safetensors(tensors, with_format(adapter.metadata));
}

void check_peft_folder(const std::string& folder, base::FileSystem& fs, const std::string& context) {
  if (!base::exists(fs, base::join(folder, config_file)))
    invalid("[", context, "] ", folder, ": expected a PEFT adapter, there is no ", config_file);
  if (base::exists(fs, base::join(folder, weights_file))) return;
  if (base::exists(fs, base::join(folder, "adapter_model.bin")))
    invalid("[", context, "] ", folder,
            ": adapter_model.bin is a pickle, which can run code when it is read; load it in PEFT ",
            "where you trust it, and save_pretrained() again to get ", weights_file);
  invalid("[", context, "] ", folder, ": there is no ", weights_file);
}

LoraAdapter read_peft(const std::string& folder, base::FileSystem& fs) {
  check_peft_folder(folder, fs, "Adapter.load");
  const std::string config = read_file(fs, base::join(folder, config_file), max_config_bytes, "Adapter.load");
  const std::string weights =
      read_file(fs, base::join(folder, weights_file), max_weights_bytes, "Adapter.load");
  return parse_peft(config, weights, "[Adapter.load] " + folder);
}

void write_peft(const LoraAdapter& adapter, const std::string& folder, const std::string& dtype,
                base::FileSystem& fs) {
  const std::string weights = to_peft_weights(adapter, dtype), config = to_peft_config(adapter);
  base::make_directories(fs, folder, "Adapter.save");
  base::write_file_durably(fs, base::join(folder, weights_file), weights, "Adapter.save");
  base::write_file_durably(fs, base::join(folder, config_file), config, "Adapter.save");
}

}  // namespace whorl::adapter
