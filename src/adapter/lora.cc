#include "adapter/lora.h"

#include <cmath>
#include <cstring>

#include "adapter/targets.h"
#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "tensor/safetensors.h"

namespace whorl::adapter {

using base::check_argument;
using base::printable;

double scale_of(double alpha, int64_t rank, bool use_rslora) {
  const auto r = static_cast<double>(rank);
  return alpha / (use_rslora ? std::sqrt(r) : r);
}

void check_config(const LoraConfig& config, const std::string& context) {
  const auto good_rank = [](int64_t rank) { return rank >= 1 && rank <= max_rank; };
  const auto good_alpha = [](double alpha) { return std::isfinite(alpha) && alpha != 0; };
  check_argument(good_rank(config.rank), context, ": expected rank from 1 to ", max_rank, ", got ",
                 config.rank);
  check_argument(good_alpha(config.alpha), context, ": expected alpha to be finite and not 0, got ",
                 config.alpha);
  check_argument(config.dropout >= 0 && config.dropout < 1, context, ": expected dropout in [0, 1), got ",
                 config.dropout);
  for (const auto& [key, rank] : config.rank_pattern)
    check_argument(good_rank(rank), context, ": rank_pattern '", printable(key),
                   "': expected a rank from 1 to ", max_rank, ", got ", rank);
  for (const auto& [key, alpha] : config.alpha_pattern)
    check_argument(good_alpha(alpha), context, ": alpha_pattern '", printable(key),
                   "': expected a finite alpha that is not 0, got ", alpha);
}

namespace {

void fill_uniform(Tensor& tensor, uint64_t key, double bound) {
  float* values = tensor.data<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i)
    values[i] = static_cast<float>((2 * base::uniform(key, static_cast<uint64_t>(i)) - 1) * bound);
}

void fill_normal(Tensor& tensor, uint64_t key, double deviation) {
  float* values = tensor.data<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i)
    values[i] = static_cast<float>(base::normal(key, static_cast<uint64_t>(i)) * deviation);
}

void initialise(LoraModule& module, const std::string& init, uint64_t seed) {
  const uint64_t key = base::derive(seed, base::xxh3_64(module.name));
  const auto k = static_cast<double>(module.inputs()), r = static_cast<double>(module.rank);
  if (init == "gaussian") return fill_normal(module.a, base::derive(key, 0), 1 / r);
  fill_uniform(module.a, base::derive(key, 0), 1 / std::sqrt(k));
  if (init == "false") fill_uniform(module.b, base::derive(key, 1), 1 / std::sqrt(r));
}

}  // namespace

LoraAdapter create_lora(const LoraConfig& config, const BaseDescription& base, uint64_t seed) {
  const std::string context = "[Adapter.create]";
  check_config(config, context);
  check_argument(config.init == "true" || config.init == "false" || config.init == "gaussian", context,
                 ": expected init 'true', 'false' or 'gaussian', got '", printable(config.init), "'");
  std::vector<std::string> names;
  for (const auto& [name, module] : base.modules) names.push_back(name);
  LoraAdapter out;
  out.config = config;
  std::vector<std::string> chosen;
  for (const auto& [name, resolved] : resolve_targets(config, names, context)) {
    const BaseModule& linear = base.modules.at(name);
    LoraModule module{name,
                      Tensor::zeros(DType::float32, {resolved.rank, linear.inputs}),
                      Tensor::zeros(DType::float32, {linear.outputs, resolved.rank}),
                      resolved.rank,
                      resolved.alpha,
                      resolved.scale};
    initialise(module, config.init, seed);
    out.modules.push_back(std::move(module));
    chosen.push_back(name);
  }
  // By name, so that readers that know neither "all-linear" nor filters find the same modules.
  out.config.targets = Targets::of_list(target_list(chosen, names));
  out.config.exclude = {};
  out.config.layers_to_transform.clear();
  out.config.layers_pattern.clear();
  if (!base.digest.empty()) out.metadata["base_model_digest"] = base.digest;
  return out;
}

void check_lora(const LoraAdapter& adapter, const std::string& context) {
  check_config(adapter.config, context);
  check_argument(!adapter.modules.empty(), context, ": the adapter has no tensors");
  for (size_t i = 0; i < adapter.modules.size(); ++i) {
    const LoraModule& m = adapter.modules[i];
    check_argument(i == 0 || adapter.modules[i - 1].name < m.name, context,
                   ": modules must be sorted and distinct, got '", printable(m.name), "' out of order");
    const bool matrices = m.a.shape().size() == 2 && m.b.shape().size() == 2 &&
                          m.a.dtype() == DType::float32 && m.b.dtype() == DType::float32 &&
                          m.a.contiguous() && m.b.contiguous();
    check_argument(matrices, context, ": '", printable(m.name), "': expected two float32 matrices");
    check_argument(
        m.rank >= 1 && m.a.dim(0) == m.rank && m.b.dim(1) == m.rank && m.a.dim(1) > 0 && m.b.dim(0) > 0,
        context, ": '", printable(m.name), "': expected A [", m.rank, ", inputs] and B [outputs, ", m.rank,
        "], got A ", to_string(m.a.shape()), " and B ", to_string(m.b.shape()));
    check_argument(std::isfinite(m.scale), context, ": '", printable(m.name), "': the scale is not finite");
    for (const auto& [matrix, letter] : {std::pair{&m.a, 'A'}, std::pair{&m.b, 'B'}})
      if (const int64_t bad = tensor::count_not_finite(*matrix))
        base::invalid(context, ": '", printable(m.name), "': lora_", letter, " holds ", bad,
                      " numbers that are NaN or infinite");
  }
}

namespace {
// Xᵀ X of a [rows, R] matrix, or X Xᵀ of an [R, columns] one, in double: [R, R].
std::vector<double> gram(const Tensor& matrix, bool by_rows) {
  const int64_t r = by_rows ? matrix.dim(0) : matrix.dim(1), n = by_rows ? matrix.dim(1) : matrix.dim(0);
  const float* x = matrix.data<float>();
  const auto at = [&](int64_t i, int64_t k) {
    return static_cast<double>(by_rows ? x[i * n + k] : x[k * r + i]);
  };
  std::vector<double> out(static_cast<size_t>(r * r));
  for (int64_t i = 0; i < r; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < n; ++k) sum += at(i, k) * at(j, k);
      out[static_cast<size_t>(i * r + j)] = out[static_cast<size_t>(j * r + i)] = sum;
    }
  return out;
}
}  // namespace

// ‖B A‖² = trace((A Aᵀ)(Bᵀ B)): never forms the [O, K] product.
double delta_norm(const LoraModule& module) {
  const std::vector<double> aa = gram(module.a, true), bb = gram(module.b, false);
  double trace = 0;
  for (size_t i = 0; i < aa.size(); ++i) trace += aa[i] * bb[i];
  return std::abs(module.scale) * std::sqrt(std::max(trace, 0.0));
}

std::string digest_of(const LoraAdapter& adapter) {
  base::Sha256 hash;
  hash.update("whorl adapter 1\n");
  for (const LoraModule& module : adapter.modules) {
    uint64_t scale;
    std::memcpy(&scale, &module.scale, 8);
    hash.update(base::concat(module.name.size(), ":", module.name, " ", module.rank, " ", module.inputs(),
                             " ", module.outputs(), " ", scale, "\n"));
    hash.update(module.a.raw(), module.a.nbytes());
    hash.update(module.b.raw(), module.b.nbytes());
  }
  return hash.hex();
}

}  // namespace whorl::adapter
