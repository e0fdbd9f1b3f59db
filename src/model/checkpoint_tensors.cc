#include "model/checkpoint_tensors.h"

#include <cstring>
#include <map>

#include "base/check.h"
#include "base/file.h"

namespace whorl::model {

using base::concat;
using base::invalid;

namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// A list for a message: the first few names, then how many more.
std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size() && i < 5; ++i)
    out += concat(i ? ", '" : "'", base::printable(names[i]), "'");
  if (names.size() > 5) out += concat(" and ", names.size() - 5, " more");
  return out;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.nbytes()) == 0;
}

bool harmless(const tensor::Safetensors& file, const ModelConfig& config, const std::string& name,
              const std::string& context) {
  if (ends_with(name, "rotary_emb.inv_freq")) return true;
  if (!config.tie_word_embeddings || name != kHeadName || !file.contains(kEmbeddingName)) return false;
  if (!same_bytes(file.tensor(kHeadName), file.tensor(kEmbeddingName)))
    invalid(context, ": tie_word_embeddings is true, but '", kHeadName, "' differs from '", kEmbeddingName,
            "'");
  return true;
}

}  // namespace

void check_tensor_names(const tensor::Safetensors& file, const ModelConfig& config,
                        const std::string& context) {
  std::map<std::string, Shape> expected;
  for (const TensorSpec& spec : tensor_specs(config)) expected.emplace(spec.name, spec.shape);
  std::vector<std::string> missing, misshapen, extra;
  for (const auto& [name, shape] : expected) {
    if (!file.contains(name))
      missing.push_back(name);
    else if (file.info(name).shape != shape)
      misshapen.push_back(
          concat(name, "' expected ", to_string(shape), ", got ", to_string(file.info(name).shape), " '"));
  }
  for (const std::string& name : file.names())
    if (!expected.contains(name) && !harmless(file, config, name, context)) extra.push_back(name);
  if (missing.empty() && misshapen.empty() && extra.empty()) return;
  std::string message;
  if (!missing.empty()) message += concat(": missing tensors: ", listed(missing));
  if (!misshapen.empty()) message += concat(": wrong shapes: ", listed(misshapen));
  if (!extra.empty()) message += concat(": tensors that this architecture does not have: ", listed(extra));
  invalid(context, message);
}

std::string stored_dtype(const tensor::Safetensors& file) {
  const std::string& dtype = file.info(kEmbeddingName).dtype;
  if (dtype == "F32") return "float32";
  if (dtype == "BF16") return "bfloat16";
  return dtype == "F16" ? "float16" : dtype;
}

Tensor read_tensor(const tensor::Safetensors& file, const TensorSpec& spec, const std::string& dtype,
                   const std::string& context) {
  const Tensor stored = file.tensor(spec.name);
  if (stored.dtype() != DType::float32 && stored.dtype() != DType::bfloat16 &&
      stored.dtype() != DType::float16)
    invalid(context, ": tensor '", spec.name, "' has dtype ", name_of(stored.dtype()),
            "; expected float32, bfloat16 or float16");
  if (stored.dtype() == DType::float16 && dtype == "auto")
    invalid(context, ": tensor '", spec.name,
            "' is float16, which nothing here computes in: load with dtype 'float32' (exact) or 'bfloat16' "
            "(rounded)");
  if (const int64_t bad = tensor::count_not_finite(stored); bad > 0)
    invalid(context, ": tensor '", spec.name, "' has ", bad, " values that are NaN or infinite");
  return dtype == "auto" ? stored : convert(stored, dtype_named(dtype, context));
}

}  // namespace whorl::model
