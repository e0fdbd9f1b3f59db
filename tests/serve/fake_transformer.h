#pragma once
// A transformer for tests of the engine alone. It does what the engine relies on and nothing else: it writes
// each token, and which adapter it had, into the page that the step names, and its logits are a hash of all
// that it then finds in the sequence's pages, and of the adapter. A wrong page, past, position, adapter or
// row gives other logits.
#include <atomic>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <utility>

#include "base/hash.h"
#include "base/random.h"
#include "model/transformer.h"
#include "ops/device.h"

namespace whorl::testing {

class FakeTransformer : public model::Transformer {
 public:
  explicit FakeTransformer(int64_t vocab = 40, int64_t context = 256) {
    config_.vocab_size = vocab;
    config_.max_position_embeddings = context;
    config_.hidden_size = config_.num_hidden_layers = config_.num_attention_heads = 1;
  }

  const ModelConfig& config() const override { return config_; }
  ops::Backend& backend() const override { return *backend_; }  // for the number of threads alone
  const std::vector<std::string>& linear_names() const override { return names_; }
  Shape linear_shape(size_t) const override { return {1, 1}; }
  std::shared_ptr<model::DeviceAdapter> prepare(const adapter::LoraAdapter& lora) const override {
    auto out = std::make_shared<model::DeviceAdapter>();
    out->digest = adapter::digest_of(lora);
    out->nbytes = 1000;
    return out;
  }
  size_t kv_bytes_per_page(int64_t page_size) const override { return static_cast<size_t>(page_size) * 4; }
  model::KvCache make_kv_cache(int64_t pages, int64_t page_size) const override {
    model::KvCache cache;
    const Shape shape{pages, page_size, 1};
    cache.layers.push_back(
        {Tensor::zeros(DType::int32, shape), Tensor::zeros(DType::int32, shape), page_size});
    cache.pages = pages;
    cache.page_size = page_size;
    return cache;
  }
  Tensor step(const model::Batch& batch, std::span<const ops::PagedSequence> sequences, model::KvCache& cache,
              std::span<const int32_t> logit_rows) const override {
    ++steps;
    if (before_step) before_step(batch, sequences);
    const Tensor logits = Tensor::zeros(DType::float32, {std::ssize(logit_rows), config_.vocab_size});
    int64_t given = 0;
    for (const auto& sequence : sequences) {
      for (int64_t row = sequence.begin; row < sequence.end; ++row) {
        const int64_t position = sequence.past + row - sequence.begin;
        if (batch.positions[static_cast<size_t>(row)] != position)
          throw std::logic_error("positions disagree");
        *slot(cache, sequence, position) = batch.ids[static_cast<size_t>(row)];
        *adapter_slot(cache, sequence, position) = static_cast<int32_t>(seed_of(adapter_of(batch, row)));
        const auto wanted = std::find(logit_rows.begin(), logit_rows.end(), row);
        if (wanted == logit_rows.end()) continue;
        ++given;
        fill(logits.data<float>() + (wanted - logit_rows.begin()) * config_.vocab_size,
             hash(cache, sequence, position, adapter_of(batch, row)));
      }
    }
    if (given != std::ssize(logit_rows)) throw std::logic_error("a logit row that is none");
    return logits;
  }
  // With `sends_apart`: of each row what is wanted of it, as a device does, and counts.
  model::StepLogits step_for(const model::Batch& batch, std::span<const ops::PagedSequence> sequences,
                             model::KvCache& cache, std::span<const int32_t> logit_rows,
                             const model::LogitsWanted& wanted) const override {
    const Tensor all = step(batch, sequences, cache, logit_rows);
    const int64_t draws = std::ssize(wanted.draws), few = wanted.few(), rows = all.dim(0);
    drawn += draws, scored += few - draws, whole += rows - few;
    mixed += draws > 0 && few > draws && rows > few;
    if (few == 0) return {all};
    model::StepLogits out;
    if (draws > 0) {
      out.drawn = Tensor::zeros(DType::int32, {draws, 1});
      backend_->draw(all.rows(0, draws), wanted.draws, out.drawn);
    }
    if (few > draws) {
      out.scores = Tensor::zeros(DType::int32, {few - draws, ops::Backend::kScoreWords});
      backend_->score(all.rows(draws, few), wanted.targets, out.scores);
    }
    if (rows > few) out.all = all.rows(few, rows);
    return out;
  }
  bool gives_less_than_rows() const override { return sends_apart; }
  const model::DecoderWeights& weights() const override { throw std::logic_error("the fake has no weights"); }
  Tensor rope(int64_t) const override { return {}; }
  void prepare_backward(bool) const override {}

  bool sends_apart = false;
  mutable std::atomic<int64_t> steps{0};
  mutable int64_t drawn = 0, scored = 0, whole = 0,
                  mixed = 0;  // rows; steps of all kinds. The engine's thread
  std::function<void(const model::Batch&, std::span<const ops::PagedSequence>)> before_step;

 protected:
  static int32_t* slot(model::KvCache& cache, const ops::PagedSequence& sequence, int64_t position) {
    return slot_of(cache.layers[0].keys, cache, sequence, position);
  }
  // What computed the token in that slot.
  static int32_t* adapter_slot(model::KvCache& cache, const ops::PagedSequence& sequence, int64_t position) {
    return slot_of(cache.layers[0].values, cache, sequence, position);
  }
  static int32_t* slot_of(const Tensor& tensor, const model::KvCache& cache,
                          const ops::PagedSequence& sequence, int64_t position) {
    const int64_t page = sequence.pages[static_cast<size_t>(position / cache.page_size)];
    if (page < 0 || page >= cache.pages) throw std::logic_error("no such page");
    return tensor.data<int32_t>() + page * cache.page_size + position % cache.page_size;
  }
  static const model::DeviceAdapter* adapter_of(const model::Batch& batch, int64_t row) {
    for (const auto& rows : batch.adapters)
      if (row >= rows.begin && row < rows.end) return rows.adapter;
    return nullptr;
  }
  static uint64_t seed_of(const model::DeviceAdapter* adapter) {
    return adapter ? base::xxh3_64(adapter->digest) : 1;
  }
  static uint64_t hash(model::KvCache& cache, const ops::PagedSequence& sequence, int64_t position,
                       const model::DeviceAdapter* adapter) {
    uint64_t h = seed_of(adapter);
    for (int64_t p = 0; p <= position; ++p) {
      h = base::mix64(h ^ static_cast<uint64_t>(*slot(cache, sequence, p)));
      h = base::mix64(h ^ static_cast<uint64_t>(*adapter_slot(cache, sequence, p)));
    }
    return h;
  }
  void fill(float* logits, uint64_t h) const {
    for (int64_t v = 0; v < config_.vocab_size; ++v)
      logits[v] = static_cast<float>(3 * base::normal(h, static_cast<uint64_t>(v)));
  }

  ModelConfig config_;
  std::vector<std::string> names_;
  std::shared_ptr<ops::Backend> backend_ = ops::make_backend("cpu", 2);
};

}  // namespace whorl::testing
