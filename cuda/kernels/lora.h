#pragma once
// The two halves of an adapter at its true rank, for the adapters of several products of the same rows at
// once: `LoraShrink` (lora_shrink.h) makes s = D(x) down^T, `LoraExpand` (lora_expand.h) adds s up to each
// product.
//
// Order of additions: inputs in chunks whose size depends on their number alone, within a chunk a lane's own,
// then the lanes', then the chunks' sums one after another. A row's bits therefore do not depend on the rows
// beside it, nor on whether its chunks ran in one block or in several.
#include "cuda/kernels/matrix.h"
#include "ops/dropout.h"

namespace whorl::cuda {

inline constexpr int kPieceRows = 8;  // share what is read of a matrix
inline constexpr int kLoraJobs = 4;   // products of one launch

// At most eight rows of one segment of one product; `down` [rank, inputs] and `up` [rank, outputs] of its
// adapter.
struct LoraPiece {
  const float *down = nullptr, *up = nullptr;
  uint64_t seed = 0;
  int64_t mask_row = 0;  // of its first row
  int64_t begin = 0;     // its first row in the batch
  int64_t partial = 0;   // where its chunks' sums begin, [chunks, rows, rank]
  int32_t rows = 0, rank = 0, job = 0;
  float dropout = 0;

  WHORL_DEVICE ops::DropoutRow mask(int64_t row) const { return {seed, mask_row + row, dropout}; }
  WHORL_DEVICE float factor() const { return 1.0f / (1.0f - dropout); }
};

// What belongs to a product: where s goes (empty: nowhere), what is added to.
struct LoraJob {
  Dense<float> s, y;
  int64_t outputs = 0;
};

// What both kernels know. With `partial` chunks run in blocks of their own and leave their sums there, which
// whoever reads them adds in order; without, s is whole.
struct LoraCall {
  Global<const LoraPiece> pieces;
  LoraJob jobs[kLoraJobs];
  Global<float> partial;
  int64_t inputs = 0, chunk = 0, chunks = 0;

  // As many chunks as fill a GPU with one row, none so small that its sums cost more than its inputs.
  static constexpr int64_t kMostChunks = 32, kLeastChunk = 256;
  static constexpr int64_t chunk_size(int64_t inputs) {
    const int64_t size = (inputs + kMostChunks * 128 - 1) / (kMostChunks * 128) * 128;
    return size > kLeastChunk ? size : kLeastChunk;
  }
  static constexpr int64_t chunk_count(int64_t inputs) {
    return (inputs + chunk_size(inputs) - 1) / chunk_size(inputs);
  }
};

}  // namespace whorl::cuda
