#include "model/layer.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace whorl::model {

SegmentTable::SegmentTable(std::span<const AdapterRows> rows, size_t linears) {
  if (rows.empty()) return;
  begins_.reserve(linears + 1);
  segments_.reserve(linears * rows.size()), owners_.reserve(linears * rows.size());
  for (size_t linear = 0; linear < linears; ++linear) {
    begins_.push_back(segments_.size());
    for (size_t owner = 0; owner < rows.size(); ++owner) {
      const AdapterRows& r = rows[owner];
      if (!r.adapter || r.begin == r.end || !r.adapter->linears[linear]) continue;
      segments_.push_back({r.begin, r.end, r.adapter->linears[linear].get(), r.dropout,
                           base::derive(r.dropout_seed, linear), r.first_row});
      owners_.push_back(owner);
    }
  }
  begins_.push_back(segments_.size());
}

std::span<const ops::LoraSegment> SegmentTable::of(size_t linear) const { return part(segments_, linear); }
std::span<const size_t> SegmentTable::owners(size_t linear) const { return part(owners_, linear); }

SegmentTable SegmentTable::of(int64_t layer, const ops::RowPiece& rows) const {
  SegmentTable out;
  if (begins_.empty()) return out;
  out.first_ = static_cast<size_t>(layer) * kLinearsPerLayer;
  for (size_t kind = 0; kind < kLinearsPerLayer; ++kind) {
    out.begins_.push_back(out.segments_.size());
    const auto all = of(out.first_ + kind);
    for (size_t i = 0; i < all.size(); ++i) {
      ops::LoraSegment part = all[i];
      part.begin = std::max(part.begin, rows.begin), part.end = std::min(part.end, rows.end);
      if (part.begin >= part.end) continue;
      part.first_row += part.begin - all[i].begin;  // dropout draws as for the whole
      part.begin -= rows.begin, part.end -= rows.begin;
      out.segments_.push_back(part);
      out.owners_.push_back(owners(out.first_ + kind)[i]);
    }
  }
  out.begins_.push_back(out.segments_.size());
  return out;
}

LayerBuffers LayerBuffers::of(const ops::RowPiece& rows) const {
  LayerBuffers out = *this;
  for (Tensor* x :
       {&out.input, &out.input_rstd, &out.query_raw, &out.key_raw, &out.query_rstd, &out.key_rstd, &out.query,
        &out.key, &out.value, &out.attention, &out.lse, &out.middle, &out.middle_rstd, &out.gate, &out.up})
    *x = rows.of(*x);
  for (Tensor& low : out.s) low = rows.of(low);
  return out;
}

void by_rows(const LayerRun& run, std::span<const ops::Weight> back, const LayerBody& body) {
  const auto n = static_cast<int64_t>(run.positions.size());
  run.backend.by_rows(n, back, [&](const ops::RowPiece& rows) {
    if (rows.rows() == n) return body(run, rows);
    const SegmentTable mine = run.segments.of(run.layer, rows);
    const auto positions =
        run.positions.subspan(static_cast<size_t>(rows.begin), static_cast<size_t>(rows.rows()));
    body({run.backend, run.config, run.weights, run.layer, mine, positions, run.rope}, rows);
  });
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

ops::LinearJob job(const LayerRun& run, LinearKind kind, const LayerBuffers& buffers, const Tensor& y,
                   const Tensor* residual = nullptr) {
  const auto k = static_cast<size_t>(kind);
  const auto index = static_cast<size_t>(run.layer) * kLinearsPerLayer + k;
  return {*run.weights.weights[k], run.weights.biases[k], run.segments.of(index), buffers.s[k], y, residual};
}

// A job refers to its tensors: none that is gone before it is done.
ops::LinearJob job(const LayerRun&, LinearKind, const LayerBuffers&, const Tensor&& y,
                   const Tensor* = nullptr) = delete;

float epsilon_of(const LayerRun& run) { return static_cast<float>(run.config.rms_norm_eps); }

// Queries, keys and values before the rotation.
void project_heads(const LayerRun& run, const LayerBuffers& b, const Tensor& normed) {
  const bool norms = !run.weights.query_norm.empty();
  const ops::LinearJob jobs[] = {job(run, kQuery, b, norms ? b.query_raw : b.query),
                                 job(run, kKey, b, norms ? b.key_raw : b.key), job(run, kValue, b, b.value)};
  run.backend.norm_linears(b.input, run.weights.input_norm, epsilon_of(run), normed, b.input_rstd, jobs);
  if (!norms) return;
  run.backend.rms_norm(b.query_raw, run.weights.query_norm, epsilon_of(run), run.config.num_attention_heads,
                       b.query, b.query_rstd);
  run.backend.rms_norm(b.key_raw, run.weights.key_norm, epsilon_of(run), run.config.num_key_value_heads,
                       b.key, b.key_rstd);
}

}  // namespace

void project_attention(const LayerRun& run, const LayerBuffers& b, const Tensor& normed) {
  project_heads(run, b, normed);
  const Tensor turned[] = {b.query, b.key};
  run.backend.ropes(turned, run.positions, run.rope, run.config.head_dim, false);
}

ops::LinearJob attention_output(const LayerRun& run, const LayerBuffers& b) {
  return job(run, kOutput, b, b.middle, &b.input);
}

void add_attention(const LayerRun& run, const LayerBuffers& b) {
  const ops::LinearJob output = attention_output(run, b);
  run.backend.linears(b.attention, {&output, 1});
}

void project_mlp(const LayerRun& run, const LayerBuffers& b, const Tensor& normed) {
  const ops::LinearJob jobs[] = {job(run, kGate, b, b.gate), job(run, kUp, b, b.up)};
  run.backend.norm_linears(b.middle, run.weights.post_norm, epsilon_of(run), normed, b.middle_rstd, jobs);
}

void forward_layer(const LayerRun& whole, const LayerBuffers& buffers, const LayerScratch& scratch,
                   const Tensor& output, const Attend& attend, bool at_once) {
  by_rows(whole, {}, [&](const LayerRun& run, const ops::RowPiece& rows) {
    const auto project = at_once ? project_heads : project_attention;
    project(run, LayerPiece(buffers, rows).get(), rows.working_of(scratch.normed));
  });
  attend(buffers);
  by_rows(whole, {}, [&](const LayerRun& run, const ops::RowPiece& rows) {
    const LayerPiece piece(buffers, rows);
    const LayerBuffers& b = piece.get();
    const LayerScratch working = scratch.of(rows);
    const Tensor out = rows.of(output);
    if (!at_once) add_attention(run, b);
    project_mlp(run, b, working.normed);
    const ops::LinearJob down = job(run, kDown, b, out, &b.middle);
    run.backend.swiglu_linears(b.gate, b.up, working.hidden, {&down, 1});
  });
}

void forward_shared_layer(const LayerRun& whole, const LayerBuffers& buffers, const LayerScratch& scratch,
                          const Tensor& output, const Attend& attend, const SumOverRanks& sum) {
  by_rows(whole, {}, [&](const LayerRun& run, const ops::RowPiece& rows) {
    project_attention(run, LayerPiece(buffers, rows).get(), rows.working_of(scratch.normed));
  });
  attend(buffers);
  by_rows(whole, {}, [&](const LayerRun& run, const ops::RowPiece& rows) {
    const LayerPiece piece(buffers, rows);
    const LayerBuffers& b = piece.get();
    const ops::LinearJob its = job(run, kOutput, b, b.middle);
    run.backend.linears(b.attention, {&its, 1});
  });
  sum(buffers.middle);
  whole.backend.add(buffers.input, buffers.middle);
  by_rows(whole, {}, [&](const LayerRun& run, const ops::RowPiece& rows) {
    const LayerPiece piece(buffers, rows);
    const LayerBuffers& b = piece.get();
    const LayerScratch working = scratch.of(rows);
    project_mlp(run, b, working.normed);
    const Tensor out = rows.of(output);  // a job refers to it
    const ops::LinearJob down = job(run, kDown, b, out);
    run.backend.swiglu_linears(b.gate, b.up, working.hidden, {&down, 1});
  });
  sum(output);
  whole.backend.add(buffers.middle, output);
}

}  // namespace whorl::model
