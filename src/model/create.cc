// Model::create: new weights from a seed.
#include <cmath>
#include <map>

#include "base/check.h"
#include "base/random.h"
#include "model/assemble.h"
#include "model/config.h"

namespace whorl {

namespace {

// Projections into the residual stream are drawn smaller, so that its size does not grow with the depth
// (Radford et al. 2019, section 2.3).
double deviation(const model::TensorSpec& spec, const ModelConfig& config) {
  const bool into_residual =
      spec.name.find(".o_proj.") != std::string::npos || spec.name.find(".down_proj.") != std::string::npos;
  const double all = config.initializer_range;
  return into_residual ? all / std::sqrt(2.0 * static_cast<double>(config.num_hidden_layers)) : all;
}

Tensor initial(const model::TensorSpec& spec, const ModelConfig& config, uint64_t key) {
  Tensor out = Tensor::zeros(DType::float32, spec.shape);
  float* values = out.data<float>();
  const int64_t n = out.numel();
  if (spec.kind == model::TensorKind::norm)
    for (int64_t i = 0; i < n; ++i) values[i] = 1;
  if (spec.kind == model::TensorKind::norm || spec.kind == model::TensorKind::bias) return out;
  const double scale = deviation(spec, config);
  for (int64_t i = 0; i < n; ++i)
    values[i] = static_cast<float>(scale * base::normal(key, static_cast<uint64_t>(i)));
  return out;
}

// Each tensor from a stream of its own, by its place among all. Called once the configuration is whole.
model::TensorSource drawn(const Model::Impl& impl, uint64_t seed, DType dtype) {
  struct Streams {
    ModelConfig config;
    std::map<std::string, uint64_t> places;
  };
  const auto streams = std::make_shared<Streams>();
  return [&impl, seed, dtype, streams](const model::TensorSpec& spec) {
    if (streams->places.empty()) {
      streams->config = impl.config;
      for (const model::TensorSpec& one : model::tensor_specs(impl.config))
        streams->places.emplace(one.name, streams->places.size());
    }
    const bool matrix = spec.kind != model::TensorKind::norm && spec.kind != model::TensorKind::bias;
    const Tensor x = initial(spec, streams->config, base::derive(seed, streams->places.at(spec.name)));
    return model::convert(x, matrix ? dtype : DType::float32);
  };
}

}  // namespace

Model Model::create(const ModelConfig& config, uint64_t seed, const std::filesystem::path& tokenizer_folder,
                    const ModelOptions& options) {
  const std::string context = "[Model.create]";
  auto impl = std::make_shared<Impl>();
  impl->config = config;
  base::check_argument(std::isfinite(config.initializer_range) && config.initializer_range > 0, context,
                       " expected a positive initializer_range, got ", config.initializer_range);
  const std::string stored = config.torch_dtype.empty() ? "float32" : config.torch_dtype;
  impl->config.torch_dtype = options.dtype == "auto" ? stored : options.dtype;
  const DType dtype = model::dtype_named(impl->config.torch_dtype, context);
  if (!tokenizer_folder.empty()) {
    base::check_argument(std::filesystem::is_directory(tokenizer_folder), context, " ",
                         tokenizer_folder.string(), " is not a folder");
    impl->text_files = model::read_text_files(tokenizer_folder.string(), "Model.create");
  }
  model::assemble(*impl, {drawn(*impl, seed, dtype), {}, {}, false, base::concat("seed ", seed)}, options,
                  context);
  return Model(std::move(impl));
}

}  // namespace whorl
