#include "model/decoder.h"

#include <algorithm>

#include "adapter/binding.h"
#include "base/check.h"
#include "model/rope.h"

namespace whorl::model {

Decoder::Decoder(ModelConfig config, std::shared_ptr<ops::Backend> backend, DecoderWeights weights,
                 std::shared_ptr<const ReadDigest> digest, Share share, SumOverRanks sum)
    : config_(std::move(config)),
      share_(share),
      own_(config_of(share, config_)),
      backend_(std::move(backend)),
      sum_(std::move(sum)),
      weights_(std::move(weights)),
      digest_(std::move(digest)),
      device_logits_([backend = backend_, width = config_.vocab_size](int64_t rows) {
        return backend->allocate(backend->activation_dtype(), {rows, width});
      }),
      host_logits_([width = config_.vocab_size](int64_t rows) {
        return Tensor::zeros(DType::float32, {rows, width});
      }),
      device_found_([backend = backend_](int64_t rows) {
        return backend->allocate(DType::int32, {rows, ops::Backend::kScoreWords});
      }) {
  const auto linears = static_cast<size_t>(config_.num_hidden_layers) * kLinearsPerLayer;
  for (size_t i = 0; i < linears; ++i) linear_names_.push_back(linear_name(i));
}

Shape Decoder::linear_shape(size_t index) const {
  return model::linear_shape(config_, static_cast<LinearKind>(index % kLinearsPerLayer));
}

std::shared_ptr<DeviceAdapter> Decoder::prepare(const adapter::LoraAdapter& lora) const {
  auto out = pack(bound(lora));
  out->digest = adapter::digest_of(lora);
  return out;
}

std::vector<LinearLora> Decoder::bound(const adapter::LoraAdapter& lora) const {
  adapter::BaseDescription base;
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < linear_names_.size(); ++i) {
    const Shape shape = linear_shape(i);
    base.modules[linear_names_[i]] = {shape[0], shape[1]};
    index[linear_names_[i]] = i;
  }
  base.digest = digest_->get();
  adapter::bind(lora, base, "Model.bind");
  std::vector<LinearLora> out;
  for (const adapter::LoraModule& module : lora.modules)
    out.push_back(
        {index.at(module.name), module.rank, static_cast<float>(module.scale), {module.a, module.b}});
  return out;
}

std::shared_ptr<DeviceAdapter> Decoder::pack(const std::vector<LinearLora>& pairs) const {
  auto out = std::make_shared<DeviceAdapter>();
  out->linears.resize(linear_names_.size());
  for (const LinearLora& one : pairs) {
    const size_t kind = one.linear % kLinearsPerLayer;
    const ops::Weight& weight = weights_.layers[one.linear / kLinearsPerLayer].weights[kind];
    const LoraPair mine = part_of(share_, static_cast<int>(kind), one.pair);
    ops::Lora packed = backend_->pack_lora(mine.a, mine.b, one.scale, weight->dtype());
    out->max_rank = std::max(out->max_rank, one.rank);
    out->nbytes += packed->nbytes();
    out->linears[one.linear] = std::move(packed);
  }
  return out;
}

DType Decoder::cache_dtype(int64_t page_size) const {
  return backend_->cache_dtype(attention_shape(own_, weights_.layers[0]), page_size);
}

size_t Decoder::kv_bytes_per_page(int64_t page_size) const {
  return static_cast<size_t>(2 * own_.num_hidden_layers * page_size * own_.num_key_value_heads *
                             own_.head_dim) *
         size_of(cache_dtype(page_size));
}

KvCache Decoder::make_kv_cache(int64_t pages, int64_t page_size) const {
  base::check_argument(pages > 0 && page_size > 0,
                       "[Transformer.make_kv_cache] expected pages > 0 and page_size > 0, got ", pages,
                       " and ", page_size);
  KvCache cache;
  cache.pages = pages;
  cache.page_size = page_size;
  const Shape shape = {pages, page_size, own_.num_key_value_heads * own_.head_dim};
  const DType dtype = cache_dtype(page_size);
  for (int64_t layer = 0; layer < config_.num_hidden_layers; ++layer)
    cache.layers.push_back({backend_->reserve(dtype, shape), backend_->reserve(dtype, shape), page_size});
  return cache;
}

Tensor Decoder::rope(int64_t positions) const {
  base::check_argument(positions <= config_.max_position_embeddings, "[Transformer] ", positions,
                       " tokens are more than the model's ", config_.max_position_embeddings);
  const std::lock_guard lock(mutex_);
  if (rope_.empty() || rope_.dim(0) < positions) {
    const Tensor host = rope_table(config_, rope_positions(config_, positions));
    rope_ = backend_->allocate(DType::float32, host.shape());
    backend_->upload(host, rope_);
  }
  return rope_;
}

void Decoder::prepare_backward(bool layers) const {
  const std::lock_guard lock(mutex_);
  backend_->prepare_backward(*weights_.head);
  for (const DecoderLayer& layer : weights_.layers)
    for (const ops::Weight& weight : layer.weights)
      if (layers) backend_->prepare_backward(*weight);
}

}  // namespace whorl::model
