// One step over the paged cache.
#include <algorithm>

#include "base/check.h"
#include "model/decoder.h"

namespace whorl::model {

using base::check_argument;

void Decoder::check_batch(const Batch& batch, std::span<const ops::PagedSequence> sequences,
                          const KvCache& cache, std::span<const int32_t> logit_rows) const {
  const auto n = static_cast<int64_t>(batch.ids.size());
  check_argument(n > 0 && batch.positions.size() == batch.ids.size(),
                 "[Transformer.step] expected as many positions as "
                 "ids and at least one, got ",
                 batch.positions.size(), " and ", n);
  check_argument(static_cast<int64_t>(cache.layers.size()) == config_.num_hidden_layers,
                 "[Transformer.step] the cache belongs to another model");
  for (const int32_t id : batch.ids)
    check_argument(id >= 0 && id < config_.vocab_size, "[Transformer.step] token id ", id,
                   " is outside the vocabulary of ", config_.vocab_size);
  for (const int32_t p : batch.positions)
    check_argument(p >= 0 && p < config_.max_position_embeddings, "[Transformer.step] position ", p,
                   " is outside the model's ", config_.max_position_embeddings);
  for (const ops::PagedSequence& s : sequences)
    for (const int32_t page : s.pages)
      check_argument(page >= 0 && page < cache.pages, "[Transformer.step] page ", page,
                     " is outside the cache of ", cache.pages);
  for (const AdapterRows& rows : batch.adapters)
    check_argument(!rows.adapter || rows.adapter->linears.size() == linear_names_.size(),
                   "[Transformer.step] the adapter was prepared for another model");
  for (const int32_t row : logit_rows)
    check_argument(row >= 0 && row < n, "[Transformer.step] logit row ", row, " is outside the batch of ", n);
}

std::unique_ptr<Decoder::StepBuffers> Decoder::make_buffers(int64_t rows) const {
  auto out = std::make_unique<StepBuffers>();
  const DType dtype = backend_->activation_dtype();
  const auto make = [&](int64_t columns) { return backend_->allocate(dtype, {rows, columns}); };
  const int64_t q = config_.num_attention_heads * config_.head_dim,
                kv = config_.num_key_value_heads * config_.head_dim;
  out->rows = rows;
  LayerBuffers& b = out->layer;
  b.input = make(config_.hidden_size);
  b.middle = make(config_.hidden_size);
  b.query = make(q);
  b.key = make(kv);
  if (has_head_norms(config_)) {
    b.query_raw = make(q);
    b.key_raw = make(kv);
  }
  b.value = make(kv);
  b.attention = make(q);
  b.gate = make(config_.intermediate_size);
  b.up = make(config_.intermediate_size);
  out->scratch.normed = make(config_.hidden_size);
  out->scratch.hidden = backend_->allocate(dtype, {backend_->working_rows(rows), config_.intermediate_size});
  return out;
}

std::unique_ptr<Decoder::StepBuffers> Decoder::take_buffers(int64_t rows) const {
  {
    const std::lock_guard lock(mutex_);
    const auto it =
        std::find_if(spare_.begin(), spare_.end(), [rows](const auto& b) { return b->rows >= rows; });
    if (it != spare_.end()) {
      auto out = std::move(*it);
      spare_.erase(it);
      return out;
    }
    spare_.clear();  // too small, all of them: larger ones take their place
  }
  int64_t size = 8;
  while (size < rows) size *= 2;
  return make_buffers(size);
}

// Gathers the wanted rows through the final norm: row by row, as they may lie anywhere in the batch.
Tensor Decoder::logits(const Tensor& hidden, const Tensor& normed, std::span<const int32_t> rows) const {
  const auto count = static_cast<int64_t>(rows.size());
  const Tensor picked = normed.rows(0, count);
  for (int64_t i = 0; i < count;) {
    int64_t end = i + 1;
    const int64_t start = rows[static_cast<size_t>(i)];
    while (end < count && rows[static_cast<size_t>(end)] == start + (end - i)) ++end;
    backend_->rms_norm(hidden.rows(start, start + end - i), weights_.final_norm,
                       static_cast<float>(config_.rms_norm_eps), 1, picked.rows(i, end), {});
    i = end;
  }
  const Tensor device = device_logits_.take(count);
  backend_->linear(picked, *weights_.head, {}, {}, {}, device);
  return device;
}

StepLogits Decoder::to_host(const Tensor& device, int64_t count) const {
  const int64_t rows = device.dim(0);
  if (backend_->on_host() || rows == 0) return {device, {}};
  count = std::min(count, config_.vocab_size);
  if (count == 0) {
    const Tensor host = host_logits_.take(rows);
    backend_->download(device, host);
    return {host, {}};
  }
  const Tensor largest = device_largest_.take(rows).columns(0, 2 * count),
               host = Tensor::zeros(DType::int32, {rows, 2 * count});
  backend_->largest(device, largest);
  backend_->download(largest, host);
  return {{}, host};
}

Tensor Decoder::step(const Batch& batch, std::span<const ops::PagedSequence> sequences, KvCache& cache,
                     std::span<const int32_t> logit_rows) const {
  return step_for_largest(batch, sequences, cache, logit_rows, 0).all;
}

StepLogits Decoder::step_for_largest(const Batch& batch, std::span<const ops::PagedSequence> sequences,
                                     KvCache& cache, std::span<const int32_t> logit_rows,
                                     int64_t count) const {
  check_batch(batch, sequences, cache, logit_rows);
  const auto n = static_cast<int64_t>(batch.ids.size());
  const Tensor table = rope(1 + *std::max_element(batch.positions.begin(), batch.positions.end()));
  const SegmentTable segments(batch.adapters, linear_names_.size());
  auto buffers = take_buffers(n);
  const ops::RowPiece all{0, n, 0};
  const LayerBuffers b = buffers->layer.of(all);
  const LayerScratch scratch = {all.of(buffers->scratch.normed), buffers->scratch.hidden};
  backend_->embedding(batch.ids, *weights_.embedding, b.input);
  const ops::AttentionShape shape = attention_shape(config_, weights_.layers[0]);
  for (size_t layer = 0; layer < weights_.layers.size(); ++layer) {
    const LayerRun run{
        *backend_,       config_, weights_.layers[layer], static_cast<int64_t>(layer), segments,
        batch.positions, table};
    forward_layer(run, b, scratch, b.input, [&](const LayerBuffers& l) {
      backend_->attention_paged(l.query, l.key, l.value, sequences, shape, cache.layers[layer], l.attention);
    });
  }
  StepLogits out{Tensor::zeros(DType::float32, {0, config_.vocab_size}), {}};
  if (!logit_rows.empty()) out = to_host(logits(b.input, scratch.normed, logit_rows), count);
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(buffers));
  return out;
}

}  // namespace whorl::model
