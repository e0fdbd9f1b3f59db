#include "model/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "model/rope.h"

namespace whorl::model {

using base::check_argument;
using base::invalid;
using base::Json;

namespace {

std::vector<float> divisors_in(const tensor::Gguf& file, const GgufKeys& keys, int64_t half) {
  const tensor::GgufTensor& info = file.info(kRopeDivisors);
  check_argument(info.shape == Shape{half} && info.type == tensor::GgufType::f32, keys.context, ": tensor '",
                 kRopeDivisors, "': expected float32 of shape [", half, "], got ", name_of(info.type),
                 " of shape ", to_string(info.shape));
  const Tensor x = file.widened(kRopeDivisors);
  std::vector<float> out(x.data<float>(), x.data<float>() + x.numel());
  for (const float v : out)
    check_argument(std::isfinite(v) && v >= 1, keys.context, ": tensor '", kRopeDivisors,
                   "': expected divisors of at least 1, got ", v);
  return out;
}

// The writers of such files computed the divisors in float32: the last bits may differ, no more.
bool same(const std::vector<float>& divisors, ModelConfig config, const Json& scaling) {
  const Tensor plain = rope_frequencies(config);
  config.rope_scaling = scaling.dump();
  const Tensor stretched = rope_frequencies(config);
  for (size_t i = 0; i < divisors.size(); ++i) {
    const float found = plain.data<float>()[i] / stretched.data<float>()[i];
    if (!(std::abs(found - divisors[i]) <= 2e-6F * divisors[i])) return false;
  }
  return true;
}

// The file holds what came out of Llama 3's rule, not what went in. The largest divisor is its factor; the
// length that the model was first trained on is a power of two, 8192 as a rule.
Json llama3_scaling(const std::vector<float>& divisors, const GgufKeys& keys, double theta) {
  ModelConfig config;
  config.rope_theta = theta;
  config.head_dim = 2 * static_cast<int64_t>(divisors.size());
  const float factor = *std::max_element(divisors.begin(), divisors.end());
  if (factor == 1) return nullptr;
  std::vector<int64_t> lengths = {8192};
  for (int64_t length = 16; length <= 1 << 20; length *= 2) lengths.push_back(length);
  for (const int64_t length : lengths) {
    const Json out = {{"rope_type", "llama3"},
                      {"factor", static_cast<double>(factor)},
                      {"low_freq_factor", 1.0},
                      {"high_freq_factor", 4.0},
                      {"original_max_position_embeddings", length}};
    if (same(divisors, config, out)) return out;
  }
  invalid(keys.context, ": tensor '", kRopeDivisors,
          "' does not hold the divisors of Llama 3's rule (low_freq_factor 1, high_freq_factor 4)");
}

Json scaling_by_key(const GgufKeys& keys, const std::string& arch) {
  const auto kind = keys.get<std::string>(arch + ".rope.scaling.type", "none");
  const auto* older = keys.find<double>(arch + ".rope.scale_linear");
  if (kind == "none" && older && *older != 1) return {{"rope_type", "linear"}, {"factor", *older}};
  if (kind == "none") return nullptr;
  if (kind != "linear")
    invalid(keys.context, ": rope scaling '", base::printable(kind), "' is not read from GGUF files");
  return {{"rope_type", "linear"}, {"factor", keys.need<double>(arch + ".rope.scaling.factor")}};
}

}  // namespace

Json gguf_rope_scaling(const tensor::Gguf& file, const GgufKeys& keys, const std::string& arch,
                       int64_t head_dim) {
  Json by_key = scaling_by_key(keys, arch);
  const auto& all = file.tensors();
  const bool held =
      std::any_of(all.begin(), all.end(), [](const auto& t) { return t.name == kRopeDivisors; });
  if (!held || arch != "llama") return by_key;
  check_argument(by_key.is_null(), keys.context, ": both '", arch, ".rope.scaling.type' and tensor '",
                 kRopeDivisors, "'");
  return llama3_scaling(divisors_in(file, keys, head_dim / 2), keys,
                        keys.get<double>(arch + ".rope.freq_base", 10000));
}

}  // namespace whorl::model
