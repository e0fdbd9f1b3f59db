#pragma once
// Memory of a training pass: made once for the largest micro-batch and sliced after that.
#include <functional>
#include <vector>

#include "model/layer.h"
#include "model/recompute.h"

namespace whorl::model {

// The lowest place that needs a gradient. Stages of a layer from the bottom: q/k/v, o, gate/up, down.
inline constexpr int64_t kStages = 4;
int64_t stage_of(int64_t layer, LinearKind kind);
// Everything above this place must pass its gradient on; -1 = all the way to the embedding.
int64_t lowest_stage(const std::vector<int64_t>& ranks, bool all_weights);

// What the backward pass works in; shared by all layers.
struct GradientScratch {
  Tensor stream;  // gradient of the residual stream [N, C]
  Tensor attention, query, key, value;
  Tensor normed;  // [N, C]; from the loss, then working memory
  // Working memory of pieces of rows: Backend::working_rows().
  Tensor hidden;              // [., I]
  Tensor query_raw, key_raw;  // with head norms only

  GradientScratch of(const ops::RowPiece& rows) const;
};

struct TrainingBuffers {
  int64_t rows = 0;
  std::vector<LayerBuffers> layers;
  std::vector<Forgotten> forgotten;  // by layer
  Tensor top, top_rstd;              // residual stream after the last layer
  Tensor losses;                     // [N]
  LayerScratch scratch;
  GradientScratch gradient;

  TrainingBuffers first(int64_t n) const;
};

using Allocate = std::function<Tensor(DType, Shape)>;

// Rows of a batch, and of working memory.
struct BufferRows {
  int64_t batch = 0, working = 0;
};

// With a function that only counts, this is the prediction of memory. `activation`: float32, or bfloat16
// where the backend takes it; the residual stream, its gradient and that of normed rows, to which several
// products add, are float32 all the same. `lowest` as above: layers below it
// share one set of buffers, as nothing of them is read again; layers that recompute share the same set.
TrainingBuffers make_training_buffers(const ModelConfig& config, const std::vector<int64_t>& ranks,
                                      int64_t lowest, const BufferRows& rows, DType activation,
                                      const Allocate& allocate, const RecomputeLevels& levels = {});
// For losses only: one set of buffers for all layers.
inline constexpr int64_t kNoGradient = INT64_MAX;

}  // namespace whorl::model
