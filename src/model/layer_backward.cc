#include "model/layer_backward.h"

#include <algorithm>
#include <array>

namespace whorl::model {

bool LayerBackward::trains(LinearKind kind) const {
  const size_t index = static_cast<size_t>(run.layer) * kLinearsPerLayer + static_cast<size_t>(kind);
  return all || !run.segments.of(index).empty();
}

void LayerBackward::linear(LinearKind kind, const Tensor& dy, const Tensor& x, const Tensor& dx,
                           bool accumulate) const {
  const auto k = static_cast<size_t>(kind);
  const size_t index = static_cast<size_t>(run.layer) * kLinearsPerLayer + k;
  const auto segments = run.segments.of(index);
  std::vector<ops::LoraGradient> gradients;
  if (!x.empty())
    for (const size_t owner : run.segments.owners(index)) gradients.push_back((*adapters[owner])[index]);
  if (!dx.empty() || !gradients.empty())
    run.backend.linear_backward(dy, x, *run.weights.weights[k], segments, kept.s[k], gradients, dx,
                                accumulate);
  if (all && !x.empty()) run.backend.linear_backward_weight(dy, x, all->weights[k], all->biases[k]);
}

void LayerBackward::norm(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                         const Tensor* dgain) const {
  run.backend.rms_norm_backward(dy, x, gain, rstd, 1, gradient.stream, true, dgain ? *dgain : Tensor());
}

Tensor LayerBackward::recompute_normed(std::initializer_list<LinearKind> kinds, const Tensor& x,
                                       const Tensor& gain) const {
  if (std::none_of(kinds.begin(), kinds.end(), [this](LinearKind kind) { return trains(kind); })) return {};
  run.backend.rms_norm(x, gain, static_cast<float>(run.config.rms_norm_eps), 1, scratch.normed, {});
  return scratch.normed;
}

// Back through SwiGLU, which gives again what went into the down projection: its adapter's gradients come
// after its input's.
void LayerBackward::down() const {
  const Tensor hidden = trains(kDown) ? scratch.hidden : Tensor();
  if (passes_on(kDown)) {
    linear(kDown, gradient.stream, {}, gradient.hidden, false);
    run.backend.swiglu_backward(gradient.hidden, kept.gate, kept.up, hidden);
  } else if (!hidden.empty()) {
    run.backend.swiglu(kept.gate, kept.up, hidden);
  }
  if (!hidden.empty()) linear(kDown, gradient.stream, hidden, {}, false);
}

// From the layer's output down to what attention gave.
void LayerBackward::mlp() const {
  down();
  if (!passes_on(kDown)) return;
  const Tensor below = passes_on(kGate) ? gradient.normed : Tensor();
  const Tensor normed = recompute_normed({kGate, kUp}, kept.middle, run.weights.post_norm);
  linear(kGate, kept.gate, normed, below, false);
  linear(kUp, kept.up, normed, below, true);
  if (below.empty()) return;
  norm(gradient.normed, kept.middle, run.weights.post_norm, kept.middle_rstd,
       all ? &all->post_norm : nullptr);
  linear(kOutput, gradient.stream, kept.attention, passes_on(kOutput) ? gradient.attention : Tensor(), false);
}

// Back through the RMS norm of every head; the results take the places of the gradients that came in.
void LayerBackward::head_norms() const {
  run.backend.rms_norm_backward(gradient.query, kept.query_raw, run.weights.query_norm, kept.query_rstd,
                                run.config.num_attention_heads, gradient.query_raw, false,
                                all ? all->query_norm : Tensor());
  run.backend.rms_norm_backward(gradient.key, kept.key_raw, run.weights.key_norm, kept.key_rstd,
                                run.config.num_key_value_heads, gradient.key_raw, false,
                                all ? all->key_norm : Tensor());
}

// From the rotated queries and keys down to the layer's input.
void LayerBackward::query_key_value() const {
  const bool norms = !run.weights.query_norm.empty();
  const Tensor turned[] = {gradient.query, gradient.key};
  run.backend.ropes(turned, run.positions, run.rope, run.config.head_dim, true);
  if (norms) head_norms();
  const Tensor below = passes_on(kQuery) ? gradient.normed : Tensor();
  const Tensor normed = recompute_normed({kQuery, kKey, kValue}, kept.input, run.weights.input_norm);
  linear(kQuery, norms ? gradient.query_raw : gradient.query, normed, below, false);
  linear(kKey, norms ? gradient.key_raw : gradient.key, normed, below, true);
  linear(kValue, gradient.value, normed, below, true);
  if (!below.empty())
    norm(gradient.normed, kept.input, run.weights.input_norm, kept.input_rstd,
         all ? &all->input_norm : nullptr);
}

void LayerBackward::by_rows(std::span<const LinearKind> through,
                            const std::function<void(const LayerBackward&)>& body) const {
  const auto take = [&](const LayerRun& mine, const ops::RowPiece& rows) {
    const LayerBuffers buffers = kept.of(rows);
    const LayerScratch working = scratch.of(rows);
    const GradientScratch gradients = gradient.of(rows);
    body({mine, buffers, working, gradients, {}, adapters, all, lowest});
  };
  // Gradients of the weights themselves sum over rows in every op.
  if (all) return take(run, {0, static_cast<int64_t>(run.positions.size()), 0});
  std::vector<ops::Weight> weights;
  for (const LinearKind kind : through)
    if (passes_on(kind)) weights.push_back(run.weights.weights[static_cast<size_t>(kind)]);
  model::by_rows(run, weights, take);
}

bool LayerBackward::operator()() const {
  constexpr std::array above = {kDown, kGate, kUp, kOutput};
  constexpr std::array below = {kQuery, kKey, kValue};
  by_rows(above, [](const LayerBackward& part) { part.mlp(); });
  if (!passes_on(kOutput)) return false;
  run.backend.attention_backward(gradient.attention, kept.query, kept.key, kept.value, kept.attention,
                                 kept.lse, {starts}, attention_shape(run.config, run.weights), gradient.query,
                                 gradient.key, gradient.value);
  by_rows(below, [](const LayerBackward& part) { part.query_key_value(); });
  return passes_on(kQuery);
}

}  // namespace whorl::model
