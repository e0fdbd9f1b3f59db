#pragma once
// One layer's forward pass, the same for inference and training. What differs is which buffers are kept and
// how attention reads its keys.
#include <array>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/transformer.h"
#include "model/weights.h"

namespace whorl::model {

// What one layer computes. Tensors that only a backward pass reads may be empty.
struct LayerBuffers {
  Tensor input, input_rstd;   // residual stream into the layer [N, C]; [N, 1]
  Tensor query_raw, key_raw;  // before the head norms; with head norms only
  Tensor query_rstd, key_rstd;
  Tensor query, key, value;                // after the rotation
  Tensor attention, lse;                   // [N, H*D]; [N, H]
  Tensor middle, middle_rstd;              // residual stream into the MLP [N, C]
  Tensor gate, up;                         // [N, I]
  std::array<Tensor, kLinearsPerLayer> s;  // x a^T of every adapted linear

  LayerBuffers of(const ops::RowPiece& rows) const;
};

// What of a layer's tensors lies in these rows; they themselves where all of it does, as on a device in every
// layer of every step.
class LayerPiece {
 public:
  LayerPiece(const LayerBuffers& whole, const ops::RowPiece& rows) : piece_(&whole) {
    if (rows.begin > 0 || rows.end < whole.input.dim(0)) piece_ = &own_.emplace(whole.of(rows));
  }
  LayerPiece(const LayerPiece&) = delete;
  LayerPiece& operator=(const LayerPiece&) = delete;
  const LayerBuffers& get() const { return *piece_; }

 private:
  std::optional<LayerBuffers> own_;
  const LayerBuffers* piece_;
};

// Shared by all layers.
struct LayerScratch {
  Tensor normed;  // [N, C]
  Tensor hidden;  // [., I]; Backend::working_rows()

  LayerScratch of(const ops::RowPiece& rows) const {
    return {rows.working_of(normed), rows.working_of(hidden)};
  }
};

// Which rows of the batch use which low-rank pair, for every linear of the model.
class SegmentTable {
 public:
  SegmentTable(std::span<const AdapterRows> rows, size_t linears);
  std::span<const ops::LoraSegment> of(size_t linear) const;
  // Indices into the batch's adapters, parallel to of(linear).
  std::span<const size_t> owners(size_t linear) const;
  // Of one layer's linears, what lies in rows [begin, end), counted from begin.
  SegmentTable of(int64_t layer, const ops::RowPiece& rows) const;

 private:
  SegmentTable() = default;
  template <class T>
  std::span<const T> part(const std::vector<T>& all, size_t linear) const {
    if (begins_.empty()) return {};
    const size_t at = linear - first_;
    return std::span(all).subspan(begins_[at], begins_[at + 1] - begins_[at]);
  }
  size_t first_ = 0;            // the first linear that is here
  std::vector<size_t> begins_;  // of each linear's, and the end; empty where there are no adapters
  std::vector<ops::LoraSegment> segments_;
  std::vector<size_t> owners_;
};

struct LayerRun {
  ops::Backend& backend;
  const ModelConfig& config;
  const DecoderLayer& weights;
  int64_t layer;
  const SegmentTable& segments;
  std::span<const int32_t> positions;
  const Tensor& rope;
};

// Calls body for pieces of the batch's rows (Backend::by_rows), or for all of them; `back`: weights that it
// goes back through.
using LayerBody = std::function<void(const LayerRun& run, const ops::RowPiece& rows)>;
void by_rows(const LayerRun& run, std::span<const ops::Weight> back, const LayerBody& body);

using Attend = std::function<void(const LayerBuffers&)>;
// Turns a part of a sum, float32 on the device, into the sum over ranks; empty where one rank has all of it.
using SumOverRanks = std::function<void(const Tensor&)>;

// The parts of a layer that a backward pass may ask for again: `normed` holds the norm's output in each.
// Queries, keys and values after the rotation.
void project_attention(const LayerRun& run, const LayerBuffers& buffers, const Tensor& normed);
// Attention's output projection and the residual stream into the MLP: what it is a product of, and all of it.
ops::LinearJob attention_output(const LayerRun& run, const LayerBuffers& buffers);
void add_attention(const LayerRun& run, const LayerBuffers& buffers);
void project_mlp(const LayerRun& run, const LayerBuffers& buffers, const Tensor& normed);

// `output` [N, C] is the residual stream after the layer; it may be the buffer of `input` when nobody reads
// that later. `at_once`: attend gets queries and keys before the rotation and leaves the stream in `middle`,
// both of which are its business then.
void forward_layer(const LayerRun& run, const LayerBuffers& buffers, const LayerScratch& scratch,
                   const Tensor& output, const Attend& attend, bool at_once = false);
// The same where run.config and run.weights are one rank's share (model/share.h): the outputs of attention
// and of the MLP are summed before they enter the residual stream.
void forward_shared_layer(const LayerRun& run, const LayerBuffers& buffers, const LayerScratch& scratch,
                          const Tensor& output, const Attend& attend, const SumOverRanks& sum);

// Over bfloat16 weights attention is as exact as they are.
ops::AttentionShape attention_shape(const ModelConfig& config, const DecoderLayer& weights);

}  // namespace whorl::model
