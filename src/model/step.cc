// One step over the paged cache.
#include <algorithm>

#include "base/check.h"
#include "base/random.h"
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
  const int64_t q = own_.num_attention_heads * own_.head_dim, kv = own_.num_key_value_heads * own_.head_dim;
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
  b.gate = make(own_.intermediate_size);
  b.up = make(own_.intermediate_size);
  out->scratch.normed = make(config_.hidden_size);
  out->scratch.hidden = backend_->allocate(dtype, {backend_->working_rows(rows), own_.intermediate_size});
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
  return make_buffers(buffer_rows(rows));
}

int64_t Decoder::buffer_rows(int64_t rows) {
  int64_t size = 8;
  while (size < rows) size *= 2;
  return size;
}

// Gathers the wanted rows through the final norm: row by row, as they may lie anywhere in the batch.
void Decoder::head(const Tensor& hidden, const Tensor& normed, std::span<const int32_t> rows,
                   const StepTensors& t) const {
  const auto count = static_cast<int64_t>(rows.size());
  if (count == 0) return;
  const Tensor picked = normed.rows(0, count);
  for (int64_t i = 0; i < count;) {
    int64_t end = i + 1;
    const int64_t start = rows[static_cast<size_t>(i)];
    while (end < count && rows[static_cast<size_t>(end)] == start + (end - i)) ++end;
    backend_->rms_norm(hidden.rows(start, start + end - i), weights_.final_norm,
                       static_cast<float>(config_.rms_norm_eps), 1, picked.rows(i, end), {});
    i = end;
  }
  backend_->linear(picked, *weights_.head, {}, {}, {}, t.logits);
  const int64_t draws = std::ssize(t.wanted.draws), few = t.wanted.few();
  if (draws > 0)
    backend_->draw(t.logits.rows(0, draws), t.wanted.draws, t.found.rows(0, draws).columns(0, 1));
  if (few > draws) backend_->score(t.logits.rows(draws, few), t.wanted.targets, t.found.rows(draws, few));
}

StepLogits Decoder::to_host(const StepTensors& t) const {
  if (t.logits.empty()) return {Tensor::zeros(DType::float32, {0, config_.vocab_size})};
  if (backend_->on_host()) return {t.logits};
  const int64_t draws = std::ssize(t.wanted.draws), few = t.wanted.few(), rows = t.logits.dim(0);
  StepLogits out;
  if (few > 0) {  // in one copy: each is waited for
    const Tensor host = Tensor::zeros(DType::int32, {few, ops::Backend::kScoreWords});
    backend_->download(t.found.rows(0, few), host);
    if (draws > 0) out.drawn = host.rows(0, draws).columns(0, 1);
    if (few > draws) out.scores = host.rows(draws, few);
  }
  if (few < rows) {
    out.all = host_logits_.take(rows - few);
    backend_->download(t.logits.rows(few, rows), out.all);
  }
  return out;
}

// Some layers of a step on the device; the first ones begin with ids, the last ones end with logits. It waits
// for nothing and makes no tensors.
void Decoder::queue_layers(const StepRun& step, size_t begin, size_t end) const {
  const Batch& batch = step.batch;
  const StepTensors& t = step.tensors;
  const ops::RowPiece all{0, static_cast<int64_t>(batch.ids.size()), 0};
  const LayerBuffers b = t.buffers.layer.of(all);
  const LayerScratch scratch = {all.of(t.buffers.scratch.normed), t.buffers.scratch.hidden};
  if (begin == 0) backend_->embedding(batch.ids, *weights_.embedding, b.input);
  const ops::AttentionShape shape = attention_shape(own_, weights_.layers[0]);
  for (size_t layer = begin; layer < end; ++layer) {
    const LayerRun run{
        *backend_,       own_,  weights_.layers[layer], static_cast<int64_t>(layer), step.segments,
        batch.positions, t.rope};
    const ops::PagedCache& pages = step.cache.layers[layer];
    const auto attend = [&](const LayerBuffers& l) {
      backend_->attention_paged(l.query, l.key, l.value, step.sequences, shape, pages, l.attention);
    };
    // The host takes pieces of rows through rotation and output projection, in a core's cache; a device takes
    // all of them at once.
    const auto attend_at_once = [&](const LayerBuffers& l) {
      const ops::LinearJob output = attention_output(run, l);
      backend_->rope_attention_paged(l.query, l.key, l.value, batch.positions, t.rope, step.sequences, shape,
                                     pages, l.attention, {&output, 1});
    };
    if (!share_.whole())
      forward_shared_layer(run, b, scratch, b.input, attend, sum_);
    else if (backend_->on_host())
      forward_layer(run, b, scratch, b.input, attend);
    else
      forward_layer(run, b, scratch, b.input, attend_at_once, true);
  }
  if (end == weights_.layers.size()) head(b.input, scratch.normed, step.logit_rows, t);
}

namespace {
// What a decode step of one token for each sequence has in common with the next one.
uint64_t step_key(const Batch& batch, const KvCache& cache, int64_t logit_rows, const LogitsWanted& wanted) {
  const bool adapted = std::any_of(batch.adapters.begin(), batch.adapters.end(),
                                   [](const AdapterRows& rows) { return rows.adapter != nullptr; });
  bool changes = false, chance = false, top_k = false, top_p = false;  // what drawing takes (cuda/draw.cc)
  for (const ops::Draw& d : wanted.draws) {
    changes |= d.changes();
    if (d.temperature > 0) chance = true, top_k |= d.top_k > 0, top_p |= d.top_p < 1;
  }
  uint64_t key = reinterpret_cast<uintptr_t>(cache.layers[0].keys.raw());
  for (const int64_t part :
       {std::ssize(batch.ids), logit_rows, std::ssize(wanted.draws), std::ssize(wanted.targets),
        int64_t{adapted}, int64_t{changes}, int64_t{chance}, int64_t{top_k}, int64_t{top_p}})
    key = base::derive(key, static_cast<uint64_t>(part));
  return key;
}
}  // namespace

// A device begins with the first layers while the host still writes down the others.
void Decoder::queue_decode(const StepRun& step, uint64_t key) const {
  constexpr size_t kFirst = 4;
  const size_t layers = weights_.layers.size(), first = layers < 3 * kFirst ? layers : kFirst;
  backend_->repeated(key, [&] { queue_layers(step, 0, first); });
  if (first < layers)
    backend_->repeated(base::derive(key, first), [&] { queue_layers(step, first, layers); });
}

Tensor Decoder::step(const Batch& batch, std::span<const ops::PagedSequence> sequences, KvCache& cache,
                     std::span<const int32_t> logit_rows) const {
  return step_for(batch, sequences, cache, logit_rows, {}).all;
}

StepLogits Decoder::step_for(const Batch& batch, std::span<const ops::PagedSequence> sequences,
                             KvCache& cache, std::span<const int32_t> logit_rows,
                             const LogitsWanted& wanted) const {
  check_batch(batch, sequences, cache, logit_rows);
  const auto n = std::ssize(batch.ids), rows = std::ssize(logit_rows);
  check_argument(wanted.few() <= rows, "[Transformer.step] expected draws and targets of at most ", rows,
                 " logit rows, got ", wanted.draws.size(), " and ", wanted.targets.size());
  const LogitsWanted sent = backend_->on_host() ? LogitsWanted{} : wanted;
  const Tensor table = rope(1 + *std::max_element(batch.positions.begin(), batch.positions.end()));
  auto buffers = take_buffers(n);
  const Tensor logits = rows == 0 ? Tensor() : device_logits_.take(rows),
               found = sent.few() == 0 ? Tensor() : device_found_.take(rows);
  const StepTensors tensors{*buffers, table, logits, found, sent};
  const SegmentTable segments(batch.adapters, linear_names_.size());
  const StepRun step{batch, sequences, cache, tensors, logit_rows, segments};
  // Sums over ranks are waited for: no work that could be sent as one.
  const bool decodes = n == std::ssize(sequences) && share_.whole();
  decodes ? queue_decode(step, step_key(batch, cache, rows, sent))
          : queue_layers(step, 0, weights_.layers.size());
  const StepLogits out = to_host(tensors);
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(buffers));
  return out;
}

}  // namespace whorl::model
