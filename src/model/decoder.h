#pragma once
// The one implementation of Transformer.
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/layer.h"
#include "model/logits_pool.h"
#include "model/read_digest.h"
#include "model/share.h"
#include "model/transformer.h"
#include "model/weights.h"

namespace whorl::model {

// One pair of an adapter, of the whole model.
struct LinearLora {
  size_t linear = 0;  // its index
  int64_t rank = 0;
  float scale = 0;
  LoraPair pair;  // float32, on the host
};

class Decoder final : public Transformer {
 public:
  // `weights` are those of `share`; where that is not all, `sum` makes sums of its parts.
  Decoder(ModelConfig config, std::shared_ptr<ops::Backend> backend, DecoderWeights weights,
          std::shared_ptr<const ReadDigest> digest, Share share = {}, SumOverRanks sum = {});

  const ModelConfig& config() const override { return config_; }
  ops::Backend& backend() const override { return *backend_; }
  const std::vector<std::string>& linear_names() const override { return linear_names_; }
  Shape linear_shape(size_t index) const override;
  std::shared_ptr<DeviceAdapter> prepare(const adapter::LoraAdapter& lora) const override;

  // The two halves of prepare(): whether it binds whole, and the packing of this rank's share.
  std::vector<LinearLora> bound(const adapter::LoraAdapter& lora) const;
  std::shared_ptr<DeviceAdapter> pack(const std::vector<LinearLora>& pairs) const;
  // What step() does first: std::invalid_argument unless these belong together.
  void check_batch(const Batch& batch, std::span<const ops::PagedSequence> sequences, const KvCache& cache,
                   std::span<const int32_t> logit_rows) const;

  size_t kv_bytes_per_page(int64_t page_size) const override;
  KvCache make_kv_cache(int64_t pages, int64_t page_size) const override;
  StepMemory step_memory(const StepLimits& limits) const override;
  Tensor step(const Batch& batch, std::span<const ops::PagedSequence> sequences, KvCache& cache,
              std::span<const int32_t> logit_rows) const override;
  StepLogits step_for(const Batch& batch, std::span<const ops::PagedSequence> sequences, KvCache& cache,
                      std::span<const int32_t> logit_rows, const LogitsWanted& wanted) const override;
  bool gives_less_than_rows() const override { return !backend_->on_host(); }

  const DecoderWeights& weights() const override { return weights_; }
  Tensor rope(int64_t positions) const override;
  void prepare_backward(bool layers) const override;

 private:
  DType cache_dtype(int64_t page_size) const;  // of keys and values
  // Buffers of one step, kept between steps because allocating clears memory.
  struct StepBuffers {
    int64_t rows = 0;
    LayerBuffers layer;
    LayerScratch scratch;
  };
  static int64_t buffer_rows(int64_t rows);  // of those that serve so many
  size_t buffer_bytes(int64_t rows) const;   // of make_buffers()
  std::unique_ptr<StepBuffers> take_buffers(int64_t rows) const;
  std::unique_ptr<StepBuffers> make_buffers(int64_t rows) const;
  // What a step works in and with.
  struct StepTensors {
    const StepBuffers& buffers;
    const Tensor& rope;
    const Tensor &logits, &found;  // of the wanted rows; of those that are not whole, what is sent instead
    LogitsWanted wanted;           // nothing where all rows are whole
  };
  struct StepRun {
    const Batch& batch;
    std::span<const ops::PagedSequence> sequences;
    const KvCache& cache;
    const StepTensors& tensors;
    std::span<const int32_t> logit_rows;
    const SegmentTable& segments;
  };
  void queue_layers(const StepRun& step, size_t begin, size_t end) const;
  void queue_decode(const StepRun& step, uint64_t key) const;
  void head(const Tensor& hidden, const Tensor& normed, std::span<const int32_t> rows,
            const StepTensors& tensors) const;
  StepLogits to_host(const StepTensors& tensors) const;

  ModelConfig config_;
  Share share_;
  ModelConfig own_;  // of the share
  std::shared_ptr<ops::Backend> backend_;
  SumOverRanks sum_;
  DecoderWeights weights_;
  std::shared_ptr<const ReadDigest> digest_;
  std::vector<std::string> linear_names_;

  mutable std::mutex mutex_;
  mutable Tensor rope_;
  mutable std::vector<std::unique_ptr<StepBuffers>> spare_;
  LogitsPool device_logits_, host_logits_;  // as the device makes them; where those cannot be read, copies
  LogitsPool device_found_;                 // or what is copied of them
};

}  // namespace whorl::model
