#include "train/memory_plan.h"

#include <algorithm>

#include "base/check.h"
#include "model/rope.h"
#include "model/training_buffers.h"
#include "model/weights.h"
#include "train/activations.h"
#include "train/epochs.h"
#include "train/free_budget.h"
#include "train/recompute_choice.h"
#include "train/shares.h"

namespace whorl::train {

namespace {

using model::RecomputeLevels;
using model::TrainingPass;

size_t floats(int64_t n) { return static_cast<size_t>(n) * sizeof(float); }

// From so many rows of a pass on weights' layouts for gradients are made anew in 3 % of a step or less.
constexpr int64_t kRowsThatTurn = 512;

// Predicts one run; what depends on the levels comes last.
struct Predictor {
  const MemoryInputs& in;
  std::vector<int64_t> ranks = ranks_of(in.transformer, in.learners);
  bool all_weights = in.learners.front()->adapter() == nullptr;
  int64_t lowest = model::lowest_stage(ranks, all_weights);
  int64_t rows = in.micro_batch * static_cast<int64_t>(in.learners.size());
  int64_t parameters = 0;
  size_t largest_weight = 0;

  const ModelConfig& config() const { return in.transformer.config(); }
  const model::DecoderWeights& weights() const { return in.transformer.weights(); }

  TrainingPass::Needs needs(int64_t from, int64_t n, const RecomputeLevels& levels) const {
    return TrainingPass::needs(in.transformer, ranks, from, n, levels, activation_of(in.options));
  }

  // The second layout of what passes gradients on: that of the head, which every chunk of logits meets, and
  // where they are `kept` those of the linears.
  size_t gradient_layouts(bool kept) {
    size_t bytes = 0;
    largest_weight = 0;
    const auto add = [&](const ops::Weight& w) {
      const size_t more = in.transformer.backend().gradient_layout_bytes(*w);
      bytes += more;
      const size_t whole = static_cast<size_t>(w->outputs() * w->inputs()) * size_of(w->dtype());
      largest_weight = std::max(largest_weight, all_weights ? whole : more);
    };
    for (const model::DecoderLayer& layer : weights().layers)
      for (const ops::Weight& weight : layer.weights)
        if (kept) add(weight);
    add(weights().head);
    return bytes;
  }

  // What depends on whether linears keep that layout.
  void layouts(TrainPlan& plan, bool kept) {
    const size_t head_alone = gradient_layouts(false);
    plan.weight_bytes = gradient_layouts(kept);
    plan.kept_layouts = plan.weight_bytes > head_alone;  // codes, and some backends, have none to keep
    if (all_weights) plan.weight_bytes = weights().nbytes() + largest_weight;  // the copy; one to be packed
    const ops::Backend& backend = in.transformer.backend();
    // A pool that grew with more ops can be smaller: what they left fits later ones better.
    const size_t all = backend.working_bytes(pass_shape(kept, true));
    plan.loss_bytes = std::min(all, backend.working_bytes(pass_shape(kept, false)));
    plan.working_bytes = all - plan.loss_bytes;
  }

  int64_t validation_rows() const {
    int64_t most = 0;
    if (!in.valid) return most;
    const int64_t length = row_length(in.options, config());
    most = largest_share(validation_batches(*in.valid, in.options, length), in.valid->inputs, in.ranks);
    return most * static_cast<int64_t>(in.learners.size());
  }

  ops::PassShape pass_shape(bool kept, bool with_linears) const {
    ops::PassShape shape;
    shape.kept_layouts = kept;
    shape.activation = activation_of(in.options);
    shape.rows = rows;
    shape.trained_rows = rows;
    shape.segment_rows = all_weights ? 0 : in.micro_batch;
    if (!ranks.empty()) shape.rank = *std::max_element(ranks.begin(), ranks.end());
    for (const auto& learner : in.learners) shape.dropout = shape.dropout || learner->dropout() > 0;
    shape.attention = attention_shape(config(), weights().layers.front());
    if (with_linears)
      shape.linears.assign(weights().layers.front().weights.begin(), weights().layers.front().weights.end());
    shape.head = weights().head;
    return shape;
  }

  // Rows as tokens and as a batch, a step's losses twice, and the table of angles.
  size_t data() const {
    size_t bytes = 8 * floats(rows) + 2 * floats(rows * in.options.gradient_accumulation_steps);
    int64_t longest = 0;
    for (const TrainRows* set : {&in.train, in.valid}) {
      if (!set) continue;
      bytes += static_cast<size_t>(set->tokens) * (sizeof(int32_t) + 1) +
               set->rows.size() * (sizeof(EncodedRow) + 48);
      for (const int64_t n : set->inputs) longest = std::max(longest, n);
    }
    return bytes + floats(model::rope_positions(config(), longest) * config().head_dim);
  }

  void fixed(TrainPlan& plan) {
    for (const auto& learner : in.learners) {
      const int64_t n = learner->parameters.size();
      parameters += n;
      plan.optimizer_bytes += floats((in.options.keep_best ? 5 : 4) * n);
      if (all_weights) plan.optimizer_bytes += floats(n);  // on their way to repacking
      if (learner->adapter()) plan.adapter_bytes += learner->adapter()->nbytes + floats(n);
    }
    if (const int64_t n = validation_rows(); n > rows)
      plan.validation_bytes = needs(model::kNoGradient, n, {}).bytes;
    plan.data_bytes = data();
  }

  // A moment's need above what is held all the time.
  size_t transient(const TrainPlan& p) const {
    size_t most = in.options.checkpoint_dir.empty() ? 0 : floats(3 * parameters);
    const size_t passing = p.activation_bytes + p.validation_bytes;  // not yet, or no longer there
    const auto above = [&](size_t bytes) { return bytes > passing ? bytes - passing : 0; };
    most = std::max(most, above(largest_weight));
    size_t result = floats(2 * parameters);
    if (all_weights) result = floats(parameters) + weights().nbytes() / 2 + 2 * largest_weight;
    return std::max(most, above(result));
  }

  void with_levels(TrainPlan& plan, const RecomputeLevels& levels) const {
    plan.activation_bytes = needs(lowest, rows, levels).bytes;
    plan.transient_bytes = transient(plan);
    plan.memory_bytes = plan.weight_bytes + plan.activation_bytes + plan.loss_bytes + plan.working_bytes +
                        plan.optimizer_bytes + plan.adapter_bytes + plan.validation_bytes + plan.data_bytes +
                        plan.transient_bytes;
  }

  // Products of two numbers a row, in one pass through all layers' linears, attention and the head; rows see
  // half of the longest row before them.
  double attention_products() const {
    int64_t longest = 0;
    for (const int64_t n : in.train.inputs) longest = std::max(longest, n);
    if (config().sliding_window > 0) longest = std::min(longest, 2 * config().sliding_window);
    return static_cast<double>(config().num_attention_heads * config().head_dim * longest);
  }
  static double products(const ops::Weight& w) { return static_cast<double>(w->inputs() * w->outputs()); }

  double recomputed(const RecomputeLevels& levels) const {
    double sum = 0;
    const auto forgotten = needs(lowest, rows, levels).forgotten;
    for (size_t i = 0; i < forgotten.size(); ++i) {
      const auto& w = weights().layers[i].weights;
      if (forgotten[i].mlp) sum += products(w[model::kGate]) + products(w[model::kUp]);
      if (forgotten[i].projections || forgotten[i].middle)
        sum += products(w[model::kQuery]) + products(w[model::kKey]) + products(w[model::kValue]);
      if (forgotten[i].middle) sum += products(w[model::kOutput]) + attention_products();
    }
    return sum;
  }

  // Of a step that forgets nothing: each product once forward, once for the input's gradient where that is
  // passed on, once for its own where weights are trained; attention's gradient is five products for two.
  double of_a_step() const {
    double sum = (all_weights ? 3 : 2) * products(weights().head);
    for (size_t i = 0; i < weights().layers.size(); ++i) {
      const auto layer = static_cast<int64_t>(i);
      for (size_t kind = 0; kind < model::kLinearsPerLayer; ++kind) {
        const bool passes_on = model::stage_of(layer, static_cast<model::LinearKind>(kind)) > lowest;
        sum += (1 + passes_on + all_weights) * products(weights().layers[i].weights[kind]);
      }
      sum += attention_products() * (model::stage_of(layer, model::kOutput) > lowest ? 3.5 : 1);
    }
    return sum;
  }

  void refuse(TrainPlan& plan) const {
    base::invalid(in.context, " memory_budget_bytes ", in.options.memory_budget_bytes,
                  " cannot be met: with everything computed again the run needs ", plan.memory_bytes,
                  " bytes beside the base weights (", plan.activation_bytes, " for ", rows,
                  " tokens of a micro-batch, ", plan.weight_bytes, " for layouts for gradients, ",
                  plan.loss_bytes,
                  " for logits); a smaller batch_size or max_length with more "
                  "gradient_accumulation_steps helps",
                  plan.weight_bytes > 0 && !all_weights ? ", as does a base loaded with quantize" : "",
                  "; the least that would do is memory_budget_bytes ", plan.memory_bytes);
  }

  // Second layouts go first: they cost less time than anything that is computed again.
  void choose(TrainPlan& plan) {
    const bool given = in.options.memory_budget_bytes > 0;
    size_t budget = static_cast<size_t>(in.options.memory_budget_bytes);
    const auto enough = [&] { return budget == 0 || plan.memory_bytes <= budget; };
    layouts(plan, all_weights || rows < kRowsThatTurn);
    with_levels(plan, {});
    if (!given) budget = free_budget(in, plan);
    if (!enough() && plan.kept_layouts && !all_weights) {
      layouts(plan, false);
      with_levels(plan, {});
    }
    if (enough()) return;
    const size_t layers = weights().layers.size();
    const auto first =
        static_cast<size_t>(std::clamp<int64_t>(lowest / model::kStages, 0, config().num_hidden_layers - 1));
    const size_t most = layers - first;
    const auto fits = [&](const RecomputeLevels& levels) {
      with_levels(plan, levels);
      return plan.memory_bytes <= budget;
    };
    if (!fits(levels_of(first, layers, most, most, most))) {
      if (given) refuse(plan);
      budget = plan.memory_bytes;  // all of it is tried: what is foreseen may be somewhat more than is taken
    }
    const RecomputeLevels levels =
        choose_levels(first, layers, fits, [&](const RecomputeLevels& l) { return recomputed(l); });
    with_levels(plan, levels);
    plan.recompute_levels.assign(levels.begin(), levels.end());
    plan.recomputed_flops_ratio = recomputed(levels) / of_a_step();
  }
};

}  // namespace

std::vector<int64_t> ranks_of(const model::Transformer& transformer,
                              const std::vector<std::unique_ptr<Learner>>& learners) {
  std::vector<int64_t> ranks(transformer.linear_names().size(), 0);
  for (const auto& learner : learners)
    for (size_t i = 0; learner->adapter() && i < ranks.size(); ++i)
      if (const ops::Lora& lora = learner->adapter()->linears[i]) ranks[i] = std::max(ranks[i], lora->rank());
  return ranks;
}

void plan_memory(const MemoryInputs& inputs, TrainPlan& plan) {
  Predictor predictor{inputs};
  predictor.fixed(plan);
  predictor.choose(plan);
}

model::RecomputeLevels levels_of(const TrainPlan& plan) {
  return {plan.recompute_levels.begin(), plan.recompute_levels.end()};
}

}  // namespace whorl::train
