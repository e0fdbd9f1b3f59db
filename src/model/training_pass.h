#pragma once
// Forward, loss and backward over packed rows. Keeps what section "minimal activation set" of LoRA training
// needs and recomputes the cheap rest: norms' outputs and silu(gate) * up.
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "model/layer.h"
#include "model/transformer.h"

namespace whorl::model {

// Rows of all sequences, one after another. Adapters own runs of whole sequences.
struct TrainingBatch {
  std::span<const int32_t> ids, positions;  // N
  std::span<const int32_t> targets;         // N; -1 = no loss
  std::span<const float> weights;           // N: what each row's loss counts in the gradient
  std::span<const int32_t> starts;          // S + 1: sequence s owns rows [starts[s], starts[s + 1])
  std::span<const AdapterRows> adapters = {};
};

// Gradients of one adapter by linear index; empty where it has no pair. Parallel to TrainingBatch::adapters.
using AdapterGradients = std::vector<ops::LoraGradient>;

// Gradients of all weights, float32, += by every pass. Empty tensors are skipped. With a tied head both uses
// add to the same tensor.
struct LayerGradients {
  Tensor input_norm, query_norm, key_norm, post_norm;
  std::array<Tensor, kLinearsPerLayer> weights, biases;
};
struct WeightGradients {
  Tensor embedding, head, final_norm;
  std::vector<LayerGradients> layers;
};

class TrainingPass {
 public:
  // `ranks[linear]`: the largest rank among the adapters to come, 0 where none has a pair. `all_weights`:
  // gradients reach down to the embedding.
  TrainingPass(const Transformer& transformer, std::vector<int64_t> ranks, bool all_weights);
  ~TrainingPass();
  TrainingPass(TrainingPass&&) noexcept;

  // Losses [N] on the host, 0 where there is no target. Gradients of sum(weights * losses) are added.
  Tensor run(const TrainingBatch& batch, std::span<const AdapterGradients* const> gradients,
             const WeightGradients* all);
  // Losses only.
  Tensor evaluate(const TrainingBatch& batch);

  // Bytes that a pass of `rows` rows holds beside weights and gradients.
  static size_t bytes(const Transformer& transformer, const std::vector<int64_t>& ranks, bool all_weights,
                      int64_t rows);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whorl::model
