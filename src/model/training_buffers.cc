#include "model/training_buffers.h"

#include <algorithm>

namespace whorl::model {

int64_t stage_of(int64_t layer, LinearKind kind) {
  constexpr std::array<int64_t, kLinearsPerLayer> stages = {0, 0, 0, 1, 2, 2, 3};
  return layer * kStages + stages[static_cast<size_t>(kind)];
}

int64_t lowest_stage(const std::vector<int64_t>& ranks, bool all_weights) {
  if (all_weights) return -1;
  int64_t lowest = kNoGradient;
  for (size_t i = 0; i < ranks.size(); ++i)
    if (ranks[i] > 0)
      lowest = std::min(lowest, stage_of(static_cast<int64_t>(i) / kLinearsPerLayer,
                                         static_cast<LinearKind>(i % kLinearsPerLayer)));
  return lowest;
}

namespace {

struct Maker {
  const ModelConfig& config;
  int64_t rows;
  DType activation;
  const Allocate& allocate;

  Tensor wide(int64_t columns) const { return allocate(activation, {rows, columns}); }
  Tensor exact(int64_t columns) const { return allocate(DType::float32, {rows, columns}); }
  int64_t q() const { return config.num_attention_heads * config.head_dim; }
  int64_t kv() const { return config.num_key_value_heads * config.head_dim; }

  LayerBuffers layer(bool keep) const {
    LayerBuffers b;
    b.input = wide(config.hidden_size);
    b.query = wide(q());
    b.key = wide(kv());
    if (has_head_norms(config)) {
      b.query_raw = wide(q());
      b.key_raw = wide(kv());
    }
    b.value = wide(kv());
    b.attention = wide(q());
    b.middle = wide(config.hidden_size);
    b.gate = wide(config.intermediate_size);
    b.up = wide(config.intermediate_size);
    if (!keep) return b;
    b.input_rstd = exact(1);
    b.middle_rstd = exact(1);
    b.lse = exact(config.num_attention_heads);
    if (has_head_norms(config)) {
      b.query_rstd = exact(config.num_attention_heads);
      b.key_rstd = exact(config.num_key_value_heads);
    }
    return b;
  }

  GradientScratch gradient() const {
    GradientScratch g;
    g.stream = wide(config.hidden_size);
    g.normed = wide(config.hidden_size);
    g.hidden = wide(config.intermediate_size);
    g.attention = wide(q());
    g.query = wide(q());
    g.key = wide(kv());
    g.value = wide(kv());
    if (has_head_norms(config)) {
      g.query_raw = wide(q());
      g.key_raw = wide(kv());
    }
    return g;
  }
};

Tensor first_rows(const Tensor& x, int64_t n) { return x.empty() ? x : x.rows(0, n); }

LayerBuffers first_rows(const LayerBuffers& b, int64_t n) {
  LayerBuffers out = b;
  for (Tensor* x :
       {&out.input, &out.input_rstd, &out.query_raw, &out.key_raw, &out.query_rstd, &out.key_rstd, &out.query,
        &out.key, &out.value, &out.attention, &out.lse, &out.middle, &out.middle_rstd, &out.gate, &out.up})
    *x = first_rows(*x, n);
  for (Tensor& s : out.s) s = first_rows(s, n);
  return out;
}

}  // namespace

TrainingBuffers make_training_buffers(const ModelConfig& config, const std::vector<int64_t>& ranks,
                                      int64_t lowest, int64_t rows, DType activation,
                                      const Allocate& allocate) {
  const Maker make{config, rows, activation, allocate};
  TrainingBuffers out;
  out.rows = rows;
  const bool gradients = lowest != kNoGradient;
  LayerBuffers shared;
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool keep = gradients && layer * kStages + kStages - 1 >= lowest;
    if (!keep && shared.input.shape().empty()) shared = make.layer(false);
    LayerBuffers b = keep ? make.layer(true) : shared;
    for (size_t kind = 0; keep && kind < kLinearsPerLayer; ++kind)
      if (const int64_t rank = ranks[static_cast<size_t>(layer) * kLinearsPerLayer + kind]; rank > 0)
        b.s[kind] = make.wide(rank);
    out.layers.push_back(std::move(b));
  }
  out.top = make.wide(config.hidden_size);
  if (gradients) out.top_rstd = make.exact(1);
  out.losses = allocate(DType::float32, {rows});
  out.scratch = {make.wide(config.hidden_size), make.wide(config.intermediate_size)};
  if (gradients) out.gradient = make.gradient();
  return out;
}

TrainingBuffers TrainingBuffers::first(int64_t n) const {
  TrainingBuffers out;
  out.rows = n;
  for (const LayerBuffers& b : layers) out.layers.push_back(first_rows(b, n));
  out.top = first_rows(top, n);
  out.top_rstd = first_rows(top_rstd, n);
  out.losses = first_rows(losses, n);
  out.scratch = {first_rows(scratch.normed, n), first_rows(scratch.hidden, n)};
  out.gradient = gradient;
  GradientScratch& g = out.gradient;
  for (Tensor* x :
       {&g.stream, &g.normed, &g.hidden, &g.attention, &g.query, &g.key, &g.value, &g.query_raw, &g.key_raw})
    *x = first_rows(*x, n);
  return out;
}

}  // namespace whorl::model
