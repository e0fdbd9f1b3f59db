#pragma once
// Forward, loss and backward over packed rows. Keeps what section "minimal activation set" of LoRA training
// needs and recomputes the cheap rest: norms' outputs and silu(gate) * up; more where recompute.h says so.
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "model/layer.h"
#include "model/recompute.h"
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
  // gradients reach down to the embedding. `levels` and `kept_layouts` (weights keep a second layout for
  // gradients, else it is made in passing) change memory and time and not a bit of the results.
  // `activation` does change them: bfloat16 where the backend takes it (training_buffers.h).
  TrainingPass(const Transformer& transformer, std::vector<int64_t> ranks, bool all_weights,
               RecomputeLevels levels = {}, bool kept_layouts = false, DType activation = DType::float32);
  ~TrainingPass();
  TrainingPass(TrainingPass&&) noexcept;

  // Losses [N] to `losses`, which is the device's: 0 where there is no target. Gradients of sum(weights *
  // losses) are added. The host need not wait for it.
  void run(const TrainingBatch& batch, std::span<const AdapterGradients* const> gradients,
           const WeightGradients* all, const Tensor& losses);
  // Makes the memory for batches of up to `rows` rows now instead of when they come.
  void reserve(int64_t rows);
  // Losses only, on the host; in the memory of run() where that is large enough.
  Tensor evaluate(const TrainingBatch& batch);

  // What run() would hold for `rows` rows beside weights, gradients and the backend's working memory, and
  // what it would compute again; `lowest` as in training_buffers.h (kNoGradient: what evaluate() alone
  // holds).
  struct Needs {
    size_t bytes = 0;
    std::vector<Forgotten> forgotten;  // by layer
  };
  static Needs needs(const Transformer& transformer, const std::vector<int64_t>& ranks, int64_t lowest,
                     int64_t rows, const RecomputeLevels& levels = {}, DType activation = DType::float32);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whorl::model
