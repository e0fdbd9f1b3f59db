#include "model/training_pass.h"

#include <algorithm>

#include "base/check.h"
#include "model/layer_backward.h"
#include "model/training_buffers.h"

namespace whorl::model {

namespace {
// Gradients of the weights themselves sum over all rows in every op: nothing goes back piece by piece.
BufferRows buffer_rows(const ops::Backend& backend, int64_t rows, bool all_weights) {
  return {rows, all_weights ? rows : backend.working_rows(rows)};
}
}  // namespace

struct TrainingPass::State {
  const Transformer& transformer;
  std::vector<int64_t> ranks;
  int64_t lowest;
  RecomputeLevels levels;
  DType activation;
  TrainingBuffers training, evaluation;

  ops::Backend& backend() const { return transformer.backend(); }
  const ModelConfig& config() const { return transformer.config(); }
  const DecoderWeights& weights() const { return transformer.weights(); }

  TrainingBuffers buffers(int64_t rows, bool gradients) {
    TrainingBuffers& held = gradients || training.rows >= rows ? training : evaluation;
    if (held.rows < rows) {
      held = {};  // first the old memory goes
      held = make_training_buffers(
          config(), ranks, gradients ? lowest : kNoGradient,
          buffer_rows(backend(), rows, gradients && lowest < 0), activation,
          [this](DType dtype, Shape shape) { return backend().allocate(dtype, std::move(shape)); }, levels);
    }
    return held.first(rows);
  }

  LayerRun layer_run(size_t layer, const TrainingBatch& batch, const SegmentTable& segments,
                     const Tensor& rope) const {
    return {backend(),       config(), weights().layers[layer], static_cast<int64_t>(layer), segments,
            batch.positions, rope};
  }

  Attend attend(const TrainingBatch& batch, const ops::AttentionShape& shape) const {
    return [this, &batch, &shape](const LayerBuffers& l) {
      backend().attention(l.query, l.key, l.value, {batch.starts}, shape, l.attention, l.lse);
    };
  }

  using LayerPart = std::function<void(const LayerRun&, const LayerBuffers&, const Tensor& normed)>;

  // Computes what the layer forgot as its forward pass did: same inputs, same adapters, same dropout.
  void recompute(const LayerRun& run, const TrainingBatch& batch, const TrainingBuffers& b) const {
    const auto layer = static_cast<size_t>(run.layer);
    const Forgotten& gone = b.forgotten[layer];
    const LayerBuffers& kept = b.layers[layer];
    const auto again = [&](const LayerPart& part) {
      by_rows(run, {}, [&](const LayerRun& mine, const ops::RowPiece& rows) {
        part(mine, kept.of(rows), rows.working_of(b.scratch.normed));
      });
    };
    if (gone.projections || gone.middle) again(project_attention);
    if (gone.middle) attend(batch, attention_shape(config(), run.weights))(kept);
    if (gone.middle || gone.mlp)
      again([&](const LayerRun& mine, const LayerBuffers& rows, const Tensor& normed) {
        if (gone.middle) add_attention(mine, rows);
        if (gone.mlp) project_mlp(mine, rows, normed);
      });
  }

  void forward(const TrainingBatch& batch, const SegmentTable& segments, const Tensor& rope,
               const TrainingBuffers& b) {
    backend().embedding(batch.ids, *weights().embedding, b.layers[0].input);
    const ops::AttentionShape shape = attention_shape(config(), weights().layers[0]);
    for (size_t layer = 0; layer < b.layers.size(); ++layer) {
      const Tensor& output = layer + 1 < b.layers.size() ? b.layers[layer + 1].input : b.top;
      forward_layer(layer_run(layer, batch, segments, rope), b.layers[layer], b.scratch, output,
                    attend(batch, shape));
    }
    backend().rms_norm(b.top, weights().final_norm, static_cast<float>(config().rms_norm_eps), 1,
                       b.scratch.normed, b.top_rstd);
  }

  void backward(const TrainingBatch& batch, const SegmentTable& segments, const Tensor& rope,
                const TrainingBuffers& b, std::span<const AdapterGradients* const> gradients,
                const WeightGradients* all) {
    backend().rms_norm_backward(b.gradient.normed, b.top, weights().final_norm, b.top_rstd, 1,
                                b.gradient.stream, false, all ? all->final_norm : Tensor());
    for (size_t layer = b.layers.size(); layer-- > 0;) {
      const LayerRun run = layer_run(layer, batch, segments, rope);
      recompute(run, batch, b);
      const LayerBackward back{run,
                               b.layers[layer],
                               b.scratch,
                               b.gradient,
                               batch.starts,
                               gradients,
                               all ? &all->layers[layer] : nullptr,
                               lowest};
      if (!back()) return;
    }
    if (all) backend().embedding_backward(batch.ids, b.gradient.stream, all->embedding);
  }

  Tensor on_host(const Tensor& losses) const {
    Tensor host = Tensor::zeros(DType::float32, losses.shape());
    backend().download(losses, host);
    return host;
  }

  Tensor rope_for(const TrainingBatch& batch) const {
    return transformer.rope(1 + *std::max_element(batch.positions.begin(), batch.positions.end()));
  }
};

TrainingPass::TrainingPass(const Transformer& transformer, std::vector<int64_t> ranks, bool all_weights,
                           RecomputeLevels levels, bool kept_layouts, DType activation)
    : state_(std::make_unique<State>(
          State{transformer, std::move(ranks), 0, std::move(levels), activation, {}, {}})) {
  const size_t layers = transformer.weights().layers.size();
  base::check_argument(state_->levels.empty() || state_->levels.size() == layers,
                       "[TrainingPass] expected recompute levels for ", layers, " layers, got ",
                       state_->levels.size());
  state_->ranks.resize(transformer.linear_names().size());
  state_->lowest = lowest_stage(state_->ranks, all_weights);
  transformer.prepare_backward(kept_layouts);
}
TrainingPass::~TrainingPass() = default;
TrainingPass::TrainingPass(TrainingPass&&) noexcept = default;

namespace {
void check(const TrainingBatch& batch, const ModelConfig& config) {
  const size_t n = batch.ids.size();
  base::check_argument(n > 0 && batch.positions.size() == n && batch.targets.size() == n &&
                           batch.weights.size() == n && batch.starts.size() >= 2 &&
                           batch.starts.back() == static_cast<int32_t>(n),
                       "[TrainingPass] the batch's parts differ in length");
  for (size_t i = 0; i < n; ++i)
    base::check_argument(
        batch.ids[i] >= 0 && batch.ids[i] < config.vocab_size && batch.targets[i] < config.vocab_size,
        "[TrainingPass] token id ", std::max(batch.ids[i], batch.targets[i]),
        " is outside the vocabulary of ", config.vocab_size);
}
}  // namespace

void TrainingPass::run(const TrainingBatch& batch, std::span<const AdapterGradients* const> gradients,
                       const WeightGradients* all, const Tensor& losses) {
  check(batch, state_->config());
  base::check_argument(gradients.size() == batch.adapters.size(), "[TrainingPass] expected gradients for ",
                       batch.adapters.size(), " adapters, got ", gradients.size());
  const SegmentTable segments(batch.adapters, state_->ranks.size());
  const Tensor rope = state_->rope_for(batch);
  const TrainingBuffers b = state_->buffers(static_cast<int64_t>(batch.ids.size()), true);
  state_->forward(batch, segments, rope, b);
  state_->backend().cross_entropy(b.scratch.normed, *state_->weights().head, batch.targets, batch.weights,
                                  losses, b.gradient.normed, all ? all->head : Tensor());
  state_->backward(batch, segments, rope, b, gradients, all);
}

void TrainingPass::reserve(int64_t rows) { state_->buffers(rows, true); }

Tensor TrainingPass::evaluate(const TrainingBatch& batch) {
  check(batch, state_->config());
  const SegmentTable segments(batch.adapters, state_->ranks.size());
  const Tensor rope = state_->rope_for(batch);
  const TrainingBuffers b = state_->buffers(static_cast<int64_t>(batch.ids.size()), false);
  state_->forward(batch, segments, rope, b);
  state_->backend().cross_entropy(b.scratch.normed, *state_->weights().head, batch.targets, batch.weights,
                                  b.losses, {}, {});
  return state_->on_host(b.losses);
}

TrainingPass::Needs TrainingPass::needs(const Transformer& transformer, const std::vector<int64_t>& ranks,
                                        int64_t lowest, int64_t rows, const RecomputeLevels& levels,
                                        DType activation) {
  Needs out;
  const Allocate count = [&out](DType dtype, Shape shape) {
    size_t n = size_of(dtype);
    for (const int64_t d : shape) n *= static_cast<size_t>(d);
    // Large blocks come in whole huge pages.
    constexpr size_t kHugePage = 2 << 20;
    out.bytes += n >= 2 * kHugePage ? (n + kHugePage - 1) / kHugePage * kHugePage : n;
    return Tensor::view(dtype, std::move(shape), nullptr, nullptr);
  };
  out.forgotten =
      make_training_buffers(transformer.config(), ranks, lowest,
                            buffer_rows(transformer.backend(), rows, lowest < 0), activation, count, levels)
          .forgotten;
  return out;
}

}  // namespace whorl::model
