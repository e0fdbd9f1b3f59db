#include "train/train_plan.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "train/epochs.h"
#include "train/memory_plan.h"
#include "train/together.h"

namespace whorl {

std::string TrainPlan::to_json() const {
  const base::Json json = {{"steps", steps},
                           {"ranks", ranks},
                           {"rows", rows},
                           {"packed_rows", packed_rows},
                           {"tokens", tokens},
                           {"trained_tokens", trained_tokens},
                           {"dropped_rows", dropped_rows},
                           {"truncated_rows", truncated_rows},
                           {"packing_fill", packing_fill},
                           {"trainable_parameters", trainable_parameters},
                           {"memory_bytes", memory_bytes},
                           {"weight_bytes", weight_bytes},
                           {"activation_bytes", activation_bytes},
                           {"loss_bytes", loss_bytes},
                           {"working_bytes", working_bytes},
                           {"optimizer_bytes", optimizer_bytes},
                           {"adapter_bytes", adapter_bytes},
                           {"validation_bytes", validation_bytes},
                           {"data_bytes", data_bytes},
                           {"transient_bytes", transient_bytes},
                           {"kept_layouts", kept_layouts},
                           {"recompute_levels", recompute_levels},
                           {"recomputed_flops_ratio", recomputed_flops_ratio}};
  return base::to_sorted_json(json);
}

namespace train {

TrainPlan make_plan(const model::Transformer& transformer,
                    const std::vector<std::unique_ptr<Learner>>& learners, const TrainRows& rows,
                    const TrainOptions& options, const TrainRows* valid, const std::string& context) {
  const int64_t max_length = row_length(options, transformer.config());
  TrainPlan plan;
  plan.ranks = ranks_of_run(options, context);
  const Epochs epochs(rows, options, max_length, plan.ranks);
  check_work(epochs, plan.ranks, context);
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
  for (const auto& learner : learners) plan.trainable_parameters += learner->parameters.size();
  plan_memory(
      {transformer, learners, options, rows, valid, epochs.largest_micro_batch(), context, plan.ranks}, plan);
  return plan;
}

}  // namespace train
}  // namespace whorl
