#include "train/train_plan.h"

#include <nlohmann/json.hpp>

#include "model/weights.h"
#include "train/epochs.h"
#include "train/loop.h"

namespace whorl {

std::string TrainPlan::to_json() const {
  const base::Json json = {{"steps", steps},
                           {"rows", rows},
                           {"packed_rows", packed_rows},
                           {"tokens", tokens},
                           {"trained_tokens", trained_tokens},
                           {"dropped_rows", dropped_rows},
                           {"truncated_rows", truncated_rows},
                           {"packing_fill", packing_fill},
                           {"trainable_parameters", trainable_parameters},
                           {"memory_bytes", memory_bytes}};
  return base::to_sorted_json(json);
}

namespace train {

namespace {

// Values, gradients and two moments, the copy on its way to packing, and the packed forms.
size_t bytes_of(const Learner& learner) {
  size_t bytes = 5 * static_cast<size_t>(learner.parameters.size()) * sizeof(float);
  if (learner.adapter()) bytes += learner.adapter()->nbytes;
  return bytes;
}

// The second layout of the frozen weights, in which gradients are computed.
size_t backward_layout_bytes(const model::Transformer& transformer) {
  size_t bytes = 0;
  const auto add = [&bytes](const ops::Weight& w) {
    if (w->quantize() != ops::Quantize::none) return;  // widened in passing, in pieces
    bytes += static_cast<size_t>(w->outputs() * w->inputs()) * size_of(w->dtype());
  };
  for (const model::DecoderLayer& layer : transformer.weights().layers)
    for (const ops::Weight& weight : layer.weights) add(weight);
  add(transformer.weights().head);
  return bytes;
}

}  // namespace

TrainPlan make_plan(const model::Transformer& transformer,
                    const std::vector<std::unique_ptr<Learner>>& learners, const TrainRows& rows,
                    const TrainOptions& options) {
  const int64_t max_length = row_length(options, transformer.config());
  const Epochs epochs(rows, options, max_length);
  TrainPlan plan;
  plan.steps = epochs.total_steps();
  plan.rows = static_cast<int64_t>(rows.rows.size());
  plan.packed_rows = epochs.bins();
  plan.tokens = rows.tokens;
  plan.trained_tokens = rows.trained_tokens;
  plan.dropped_rows = rows.dropped_rows;
  plan.truncated_rows = rows.truncated_rows;
  int64_t inputs = 0;
  for (const int64_t n : rows.inputs) inputs += n;
  plan.packing_fill = static_cast<double>(inputs) / static_cast<double>(plan.packed_rows * max_length);
  const int64_t batch_rows = epochs.largest_micro_batch() * static_cast<int64_t>(learners.size());
  plan.memory_bytes =
      backward_layout_bytes(transformer) +
      model::TrainingPass::bytes(transformer, ranks_of(transformer, learners), false, batch_rows);
  for (const auto& learner : learners) {
    plan.trainable_parameters += learner->parameters.size();
    plan.memory_bytes += bytes_of(*learner);
  }
  return plan;
}

}  // namespace train
}  // namespace whorl
