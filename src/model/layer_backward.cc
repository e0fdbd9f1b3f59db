#include "model/layer_backward.h"

namespace whorl::model {

bool LayerBackward::adapted(LinearKind kind) const {
  return !run.segments.of(static_cast<size_t>(run.layer) * kLinearsPerLayer + static_cast<size_t>(kind))
              .empty();
}

void LayerBackward::linear(LinearKind kind, const Tensor& dy, const Tensor& x, const Tensor& dx, bool pass_on,
                           bool accumulate) const {
  const auto k = static_cast<size_t>(kind);
  const size_t index = static_cast<size_t>(run.layer) * kLinearsPerLayer + k;
  const auto segments = run.segments.of(index);
  std::vector<ops::LoraGradient> gradients;
  for (const size_t owner : run.segments.owners(index)) gradients.push_back((*adapters[owner])[index]);
  if (pass_on || !segments.empty())
    run.backend.linear_backward(dy, x, *run.weights.weights[k], segments, kept.s[k], gradients,
                                pass_on ? dx : Tensor(), accumulate);
  if (all) run.backend.linear_backward_weight(dy, x, all->weights[k], all->biases[k]);
}

void LayerBackward::norm(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                         const Tensor* dgain) const {
  run.backend.rms_norm_backward(dy, x, gain, rstd, 1, gradient.stream, true, dgain ? *dgain : Tensor());
}

void LayerBackward::recompute_normed(const Tensor& x, const Tensor& gain) const {
  run.backend.rms_norm(x, gain, static_cast<float>(run.config.rms_norm_eps), 1, scratch.normed, {});
}

bool LayerBackward::mlp() const {
  const bool below_down = passes_on(kDown), below_gate = passes_on(kGate);
  if (all || adapted(kDown)) run.backend.swiglu(kept.gate, kept.up, scratch.hidden);
  linear(kDown, gradient.stream, scratch.hidden, gradient.hidden, below_down, false);
  if (!below_down) return false;
  run.backend.swiglu_backward(gradient.hidden, kept.gate, kept.up, {});
  if (all || adapted(kGate) || adapted(kUp)) recompute_normed(kept.middle, run.weights.post_norm);
  linear(kGate, kept.gate, scratch.normed, gradient.normed, below_gate, false);
  linear(kUp, kept.up, scratch.normed, gradient.normed, below_gate, true);
  if (!below_gate) return false;
  norm(gradient.normed, kept.middle, run.weights.post_norm, kept.middle_rstd,
       all ? &all->post_norm : nullptr);
  return true;
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

void LayerBackward::query_key_value(bool pass_on) const {
  const bool norms = !run.weights.query_norm.empty();
  if (norms) head_norms();
  if (all || adapted(kQuery) || adapted(kKey) || adapted(kValue))
    recompute_normed(kept.input, run.weights.input_norm);
  linear(kQuery, norms ? gradient.query_raw : gradient.query, scratch.normed, gradient.normed, pass_on,
         false);
  linear(kKey, norms ? gradient.key_raw : gradient.key, scratch.normed, gradient.normed, pass_on, true);
  linear(kValue, gradient.value, scratch.normed, gradient.normed, pass_on, true);
}

bool LayerBackward::attention() const {
  const bool below_output = passes_on(kOutput), below = passes_on(kQuery);
  linear(kOutput, gradient.stream, kept.attention, gradient.attention, below_output, false);
  if (!below_output) return false;
  run.backend.attention_backward(gradient.attention, kept.query, kept.key, kept.value, kept.attention,
                                 kept.lse, {starts}, attention_shape(run.config, run.weights), gradient.query,
                                 gradient.key, gradient.value);
  run.backend.rope(gradient.query, run.positions, run.rope, run.config.head_dim, true);
  run.backend.rope(gradient.key, run.positions, run.rope, run.config.head_dim, true);
  query_key_value(below);
  if (!below) return false;
  norm(gradient.normed, kept.input, run.weights.input_norm, kept.input_rstd,
       all ? &all->input_norm : nullptr);
  return true;
}

bool LayerBackward::operator()() const { return mlp() && attention(); }

}  // namespace whorl::model
