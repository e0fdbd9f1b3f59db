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
  int64_t rows, working;  // of a batch, and of working memory
  DType activation;
  const Allocate& allocate;

  Tensor wide(int64_t columns) const { return allocate(activation, {rows, columns}); }
  Tensor passing(int64_t columns) const { return allocate(activation, {working, columns}); }
  // The residual stream, sums of gradients and what has few columns.
  Tensor exact(int64_t columns) const { return allocate(DType::float32, {rows, columns}); }
  int64_t q() const { return config.num_attention_heads * config.head_dim; }
  int64_t kv() const { return config.num_key_value_heads * config.head_dim; }

  // The parts of a layer's buffers, as they are forgotten together.
  void mlp(LayerBuffers& b) const {
    b.gate = wide(config.intermediate_size);
    b.up = wide(config.intermediate_size);
  }
  void projections(LayerBuffers& b) const {
    b.query = wide(q());
    b.key = wide(kv());
    b.value = wide(kv());
    if (!has_head_norms(config)) return;
    b.query_raw = wide(q());
    b.key_raw = wide(kv());
  }
  void middle(LayerBuffers& b) const {
    b.attention = wide(q());
    b.middle = exact(config.hidden_size);
  }
  // What norms and attention leave for their gradients.
  void statistics(LayerBuffers& b) const {
    b.input_rstd = exact(1);
    b.middle_rstd = exact(1);
    b.lse = exact(config.num_attention_heads);
    if (!has_head_norms(config)) return;
    b.query_rstd = exact(config.num_attention_heads);
    b.key_rstd = exact(config.num_key_value_heads);
  }

  GradientScratch gradient() const {
    GradientScratch g;
    g.stream = exact(config.hidden_size);
    g.normed = exact(config.hidden_size);
    g.hidden = passing(config.intermediate_size);
    g.attention = wide(q());
    g.query = wide(q());
    g.key = wide(kv());
    g.value = wide(kv());
    if (has_head_norms(config)) {
      g.query_raw = passing(q());
      g.key_raw = passing(kv());
    }
    return g;
  }
};

// Hands out the layers' buffers: their own, or those that all layers share which do not keep them.
struct Sharing {
  const Maker& make;
  const std::vector<int64_t>& ranks;
  LayerBuffers shared = {};
  std::array<size_t, 3> last = {};  // the highest layer that uses each shared part

  int64_t rank(size_t layer, LinearKind kind) const {
    return ranks[layer * kLinearsPerLayer + static_cast<size_t>(kind)];
  }
  int64_t largest_rank(LinearKind kind) const {
    int64_t most = 0;
    for (size_t i = 0; i * kLinearsPerLayer < ranks.size(); ++i) most = std::max(most, rank(i, kind));
    return most;
  }
  // x a^T of these linears goes where the part goes.
  void low_rank(LayerBuffers& b, size_t layer, std::initializer_list<LinearKind> kinds, bool own) {
    for (const LinearKind kind : kinds) {
      const auto k = static_cast<size_t>(kind);
      if (rank(layer, kind) == 0) continue;
      if (!own && shared.s[k].shape().empty()) shared.s[k] = make.exact(largest_rank(kind));
      b.s[k] = own ? make.exact(rank(layer, kind)) : shared.s[k];
    }
  }
  void mlp(LayerBuffers& b, bool own) {
    if (own) return make.mlp(b);
    if (shared.gate.shape().empty()) make.mlp(shared);
    b.gate = shared.gate, b.up = shared.up;
  }
  void projections(LayerBuffers& b, bool own) {
    if (own) return make.projections(b);
    if (shared.query.shape().empty()) make.projections(shared);
    b.query = shared.query, b.key = shared.key, b.value = shared.value;
    b.query_raw = shared.query_raw, b.key_raw = shared.key_raw;
  }
  void middle(LayerBuffers& b, bool own) {
    if (own) return make.middle(b);
    if (shared.attention.shape().empty()) make.middle(shared);
    b.attention = shared.attention, b.middle = shared.middle;
  }

  LayerBuffers kept(size_t layer, int level) {
    LayerBuffers b;
    b.input = make.exact(make.config.hidden_size);
    mlp(b, level < kRecomputeMlp);
    projections(b, level < kRecomputeProjections);
    middle(b, level < kRecomputeLayer);
    make.statistics(b);
    low_rank(b, layer, {kGate, kUp}, level < kRecomputeMlp);
    low_rank(b, layer, {kQuery, kKey, kValue}, level < kRecomputeProjections);
    low_rank(b, layer, {kOutput}, level < kRecomputeLayer);
    low_rank(b, layer, {kDown}, true);
    for (size_t part = 0; part < last.size(); ++part)
      if (level > static_cast<int>(part)) last[part] = layer;
    return b;
  }
  LayerBuffers passing() {
    LayerBuffers b;
    if (shared.input.shape().empty()) shared.input = make.exact(make.config.hidden_size);
    b.input = shared.input;
    mlp(b, false), projections(b, false), middle(b, false);
    return b;
  }
  // Queries, keys and values are read below the MLP only: `attention` says whether that is reached.
  Forgotten forgotten(size_t layer, int level, bool attention) const {
    const auto gone = [&](int part) { return level > part && last[static_cast<size_t>(part)] != layer; };
    return {gone(0), gone(1) && attention, gone(2)};
  }
};

}  // namespace

TrainingBuffers make_training_buffers(const ModelConfig& config, const std::vector<int64_t>& ranks,
                                      int64_t lowest, const BufferRows& rows, DType activation,
                                      const Allocate& allocate, const RecomputeLevels& levels) {
  const Maker make{config, rows.batch, rows.working, activation, allocate};
  Sharing sharing{make, ranks};
  TrainingBuffers out;
  out.rows = rows.batch;
  const bool gradients = lowest != kNoGradient;
  const auto kept = [&](size_t layer) {
    return gradients && stage_of(static_cast<int64_t>(layer), kDown) >= lowest;
  };
  const auto layers = static_cast<size_t>(config.num_hidden_layers);
  const auto level = [&](size_t layer) { return levels.empty() || !kept(layer) ? kKeepAll : levels[layer]; };
  for (size_t layer = 0; layer < layers; ++layer)
    out.layers.push_back(kept(layer) ? sharing.kept(layer, level(layer)) : sharing.passing());
  for (size_t layer = 0; layer < layers; ++layer)
    out.forgotten.push_back(
        sharing.forgotten(layer, level(layer), stage_of(static_cast<int64_t>(layer), kGate) > lowest));
  out.top = make.exact(config.hidden_size);
  if (gradients) out.top_rstd = make.exact(1);
  out.losses = allocate(DType::float32, {rows.batch});
  out.scratch = {make.wide(config.hidden_size), make.passing(config.intermediate_size)};
  if (gradients) out.gradient = make.gradient();
  return out;
}

GradientScratch GradientScratch::of(const ops::RowPiece& rows) const {
  GradientScratch out = *this;
  for (Tensor* x : {&out.stream, &out.attention, &out.query, &out.key, &out.value}) *x = rows.of(*x);
  for (Tensor* x : {&out.normed, &out.hidden, &out.query_raw, &out.key_raw}) *x = rows.working_of(*x);
  return out;
}

// Working memory stays whole, but for what whole batches pass through, too.
TrainingBuffers TrainingBuffers::first(int64_t n) const {
  const ops::RowPiece all{0, n, 0};
  TrainingBuffers out = *this;
  out.rows = n;
  for (LayerBuffers& b : out.layers) b = b.of(all);
  GradientScratch& g = out.gradient;
  for (Tensor* x : {&out.top, &out.top_rstd, &out.losses, &out.scratch.normed, &g.normed, &g.stream,
                    &g.attention, &g.query, &g.key, &g.value})
    *x = all.of(*x);
  return out;
}

}  // namespace whorl::model
