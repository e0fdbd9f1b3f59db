#include "train/adapter_learner.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "adapter/adapter_impl.h"
#include "base/check.h"
#include "base/random.h"
#include "model/model_impl.h"

namespace whorl::train {

namespace {
constexpr uint64_t kDropoutStream = 0x64726f70;  // "drop"

Tensor part(const Tensor& flat, int64_t begin, const Shape& shape) {
  return flat.rows(begin, begin + shape[0] * shape[1]).reshape(shape);
}
}  // namespace

adapter::LoraAdapter initial_adapter(const Model& base, const LoraOptions& options, uint64_t seed) {
  const Model::Impl& impl = *base.impl();
  adapter::BaseDescription description;
  const auto& names = impl.transformer->linear_names();
  for (size_t i = 0; i < names.size(); ++i) {
    const Shape shape = impl.transformer->linear_shape(i);
    description.modules[names[i]] = {shape[0], shape[1]};
  }
  description.digest = impl.read_digest->get();
  adapter::LoraConfig config;
  config.rank = options.rank;
  config.alpha = options.alpha;
  config.use_rslora = options.use_rslora;
  config.dropout = options.dropout;
  config.targets = adapter::Targets::of_list(options.target_modules);
  config.base_model_name_or_path = impl.path.string();
  return adapter::create_lora(config, description, seed);
}

AdapterLearner::AdapterLearner(const model::Transformer& transformer, adapter::LoraAdapter start,
                               const LoraOptions& options, uint64_t seed)
    : Learner(options.name, options.learning_rate, options.weight_decay),
      transformer_(transformer),
      shape_(std::move(start)),
      device_(transformer.prepare(shape_)),
      dropout_(static_cast<float>(options.dropout)),
      seed_(base::derive(seed, kDropoutStream)) {
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < transformer.linear_names().size(); ++i) index[transformer.linear_names()[i]] = i;
  int64_t total = 0;
  for (const adapter::LoraModule& module : shape_.modules) {
    places_.push_back({index.at(module.name), total, total + module.a.numel()});
    total += module.a.numel() + module.b.numel();
  }
  parameters = Parameters::allocate(transformer.backend(), total, total);
  gradients_.resize(transformer.linear_names().size());
  for (size_t i = 0; i < places_.size(); ++i) {
    const auto& [linear, a, b] = places_[i];
    const adapter::LoraModule& module = shape_.modules[i];
    gradients_[linear] = {part(parameters.gradients, a, module.a.shape()),
                          part(parameters.gradients, b, module.b.shape())};
    repacks_.push_back({device_->linears[linear].get(), part(parameters.values, a, module.a.shape()),
                        part(parameters.values, b, module.b.shape()), static_cast<float>(module.scale)});
  }
  set_values(shape_);
}

void AdapterLearner::set_values(const adapter::LoraAdapter& values) {
  const Tensor flat = Tensor::zeros(DType::float32, parameters.values.shape());
  for (size_t i = 0; i < places_.size(); ++i) {
    const adapter::LoraModule& module = values.modules.at(i);
    base::check_argument(module.name == shape_.modules[i].name && module.rank == shape_.modules[i].rank,
                         "[Trainer] expected values for '", shape_.modules[i].name, "', got '", module.name,
                         "'");
    std::memcpy(flat.data<float>() + places_[i].a, module.a.raw(), module.a.nbytes());
    std::memcpy(flat.data<float>() + places_[i].b, module.b.raw(), module.b.nbytes());
  }
  transformer_.backend().upload(flat, parameters.values);
  refresh();
}

void AdapterLearner::refresh() { transformer_.backend().repack_loras(repacks_); }

adapter::LoraAdapter AdapterLearner::with_values(const Tensor& flat) const {
  adapter::LoraAdapter out = shape_;
  for (size_t i = 0; i < places_.size(); ++i) {
    adapter::LoraModule& module = out.modules[i];
    module.a = Tensor::zeros(DType::float32, module.a.shape());
    module.b = Tensor::zeros(DType::float32, module.b.shape());
    std::memcpy(module.a.raw(), flat.data<float>() + places_[i].a, module.a.nbytes());
    std::memcpy(module.b.raw(), flat.data<float>() + places_[i].b, module.b.nbytes());
  }
  return out;
}

Adapter AdapterLearner::result(bool best) const {
  const bool use_best = best && !state.best.empty();
  const Tensor flat = use_best ? state.best : to_host(transformer_.backend(), parameters.values);
  return adapter::make_adapter(with_values(flat), "[Trainer.fit]");
}

}  // namespace whorl::train
