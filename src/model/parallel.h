#pragma once
// One model whose matrices are shared out over several ranks. Rank 0 has the Transformer that engines compute
// with; the others follow: what it holds they hold their share of, what it computes they compute with it.
#include <map>
#include <memory>
#include <mutex>

#include "model/decoder.h"
#include "model/leader.h"

namespace whorl::model {

class ParallelTransformer final : public Transformer {
 public:
  // `mine`: this rank's share, whose sums go over the same ranks.
  ParallelTransformer(std::shared_ptr<const Decoder> mine, std::shared_ptr<ranks::Communicator> all);

  const ModelConfig& config() const override { return mine_->config(); }
  ops::Backend& backend() const override { return mine_->backend(); }
  const std::vector<std::string>& linear_names() const override { return mine_->linear_names(); }
  Shape linear_shape(size_t index) const override { return mine_->linear_shape(index); }
  size_t kv_bytes_per_page(int64_t page_size) const override { return mine_->kv_bytes_per_page(page_size); }
  const DecoderWeights& weights() const override { return mine_->weights(); }  // of this rank

  // On rank 0; they return when all ranks have done their part. An error of one rank in prepare() or
  // make_kv_cache() is thrown here and changes nothing; in step() it ends all ranks.
  std::shared_ptr<DeviceAdapter> prepare(const adapter::LoraAdapter& lora) const override;
  KvCache make_kv_cache(int64_t pages, int64_t page_size) const override;
  StepMemory step_memory(const StepLimits& limits) const override;
  Tensor step(const Batch& batch, std::span<const ops::PagedSequence> sequences, KvCache& cache,
              std::span<const int32_t> logit_rows) const override;
  StepLogits step_for(const Batch& batch, std::span<const ops::PagedSequence> sequences, KvCache& cache,
                      std::span<const int32_t> logit_rows, const LogitsWanted& wanted) const override;
  bool gives_less_than_rows() const override { return mine_->gives_less_than_rows(); }
  std::shared_ptr<const void> lead() const override;

  // On the other ranks: does their part until rank 0 leads no more. `stop`, unless empty, is asked after
  // everything that rank 0 says, once a second at least: true ends all ranks. std::runtime_error names the
  // rank at fault.
  void follow(const std::function<bool()>& stop) const;

  // Caches and adapters that this rank holds for rank 0.
  int64_t held() const;

  // Training needs all of a model: std::logic_error, as nobody should come so far.
  Tensor rope(int64_t positions) const override;
  void prepare_backward(bool layers) const override;

 private:
  // With the others; `mine` is this rank's part.
  StepLogits lead_step(const Batch& batch, std::span<const ops::PagedSequence> sequences, KvCache& cache,
                       std::span<const int32_t> logit_rows, const std::function<StepLogits()>& mine) const;
  void expect_leader() const;
  bool obey(const RankMessage& message) const;  // false = the end
  // Collective: `least` becomes that of the rank with least to spare; what failed on one, as everyone() has
  // it.
  std::exception_ptr measure(const StepLimits& limits, StepMemory& least) const;
  void follow_measure(const RankMessage& message) const;
  void follow_cache(const RankMessage& message) const;
  void follow_adapter(const RankMessage& message) const;
  void follow_step(const RankMessage& message) const;

  std::shared_ptr<const Decoder> mine_;
  std::shared_ptr<ranks::Communicator> all_;
  std::shared_ptr<Leader> leader_;  // on rank 0

  mutable std::mutex following_;  // of what the other ranks hold, by the numbers that rank 0 gave
  mutable std::map<uint64_t, KvCache> caches_;
  mutable std::map<uint64_t, std::shared_ptr<const DeviceAdapter>> adapters_;
};

}  // namespace whorl::model
