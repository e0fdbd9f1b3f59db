#include "model/layer.h"

#include <cmath>
#include <initializer_list>

#include "base/random.h"

namespace whorl::model {

SegmentTable::SegmentTable(std::span<const AdapterRows> rows, size_t linears) {
  if (rows.empty()) return;
  segments_.resize(linears);
  owners_.resize(linears);
  for (size_t owner = 0; owner < rows.size(); ++owner) {
    const AdapterRows& r = rows[owner];
    if (!r.adapter || r.begin == r.end) continue;
    for (size_t linear = 0; linear < linears; ++linear) {
      const ops::Lora& lora = r.adapter->linears[linear];
      if (!lora) continue;
      segments_[linear].push_back(
          {r.begin, r.end, lora.get(), r.dropout, base::derive(r.dropout_seed, linear), r.first_row});
      owners_[linear].push_back(owner);
    }
  }
}

std::span<const ops::LoraSegment> SegmentTable::of(size_t linear) const {
  if (segments_.empty()) return {};
  return segments_[linear];
}

std::span<const size_t> SegmentTable::owners(size_t linear) const {
  if (owners_.empty()) return {};
  return owners_[linear];
}

ops::AttentionShape attention_shape(const ModelConfig& c, const DecoderLayer& weights) {
  return {c.num_attention_heads,
          c.num_key_value_heads,
          c.head_dim,
          static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim))),
          c.sliding_window,
          weights.weights[kQuery]->dtype()};
}

namespace {

ops::LinearJob job(const LayerRun& run, LinearKind kind, const LayerBuffers& buffers, const Tensor& y) {
  const auto k = static_cast<size_t>(kind);
  const auto index = static_cast<size_t>(run.layer) * kLinearsPerLayer + k;
  return {*run.weights.weights[k], run.weights.biases[k], run.segments.of(index), buffers.s[k], y};
}

void linears(const LayerRun& run, const Tensor& x, std::initializer_list<ops::LinearJob> jobs) {
  run.backend.linears(x, {jobs.begin(), jobs.size()});
}

void project_heads(const LayerRun& run, const LayerBuffers& b, const Tensor& normed) {
  const auto epsilon = static_cast<float>(run.config.rms_norm_eps);
  const bool norms = !run.weights.query_norm.empty();
  linears(run, normed,
          {job(run, kQuery, b, norms ? b.query_raw : b.query), job(run, kKey, b, norms ? b.key_raw : b.key),
           job(run, kValue, b, b.value)});
  if (norms) {
    run.backend.rms_norm(b.query_raw, run.weights.query_norm, epsilon, run.config.num_attention_heads,
                         b.query, b.query_rstd);
    run.backend.rms_norm(b.key_raw, run.weights.key_norm, epsilon, run.config.num_key_value_heads, b.key,
                         b.key_rstd);
  }
  run.backend.rope(b.query, run.positions, run.rope, run.config.head_dim, false);
  run.backend.rope(b.key, run.positions, run.rope, run.config.head_dim, false);
}

}  // namespace

void project_attention(const LayerRun& run, const LayerBuffers& b, const Tensor& normed) {
  run.backend.rms_norm(b.input, run.weights.input_norm, static_cast<float>(run.config.rms_norm_eps), 1,
                       normed, b.input_rstd);
  project_heads(run, b, normed);
}

void attend_and_add(const LayerRun& run, const LayerBuffers& b, const Attend& attend) {
  attend(b);
  linears(run, b.attention, {job(run, kOutput, b, b.middle)});
  run.backend.add(b.input, b.middle);
}

void project_mlp(const LayerRun& run, const LayerBuffers& b, const Tensor& normed) {
  run.backend.rms_norm(b.middle, run.weights.post_norm, static_cast<float>(run.config.rms_norm_eps), 1,
                       normed, b.middle_rstd);
  linears(run, normed, {job(run, kGate, b, b.gate), job(run, kUp, b, b.up)});
}

void forward_layer(const LayerRun& run, const LayerBuffers& b, const LayerScratch& scratch,
                   const Tensor& output, const Attend& attend) {
  project_attention(run, b, scratch.normed);
  attend_and_add(run, b, attend);
  project_mlp(run, b, scratch.normed);
  run.backend.swiglu(b.gate, b.up, scratch.hidden);
  linears(run, scratch.hidden, {job(run, kDown, b, output)});
  run.backend.add(b.middle, output);
}

}  // namespace whorl::model
