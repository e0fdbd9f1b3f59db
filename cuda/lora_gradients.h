#pragma once
// Gradients of the adapters that may round their operands: one launch for all of a batch, two where its
// segments are long and would leave a GPU idle.
#include "cuda/lists.h"
#include "cuda/packed.h"

namespace whorl::cuda {

// What they are sums of, rows of the batch: dy [N, O], x [N, K], s and ds [N, R].
struct LoraRows {
  const Tensor &dy, &x, &s, &ds;
};

// da += ds^T D(x) and db += scale dy^T s of each segment whose adapter rounds; empty tensors are skipped.
void add_lora_gradients(Runtime& runtime, Lists& lists, const LoraRows& rows,
                        std::span<const ops::LoraSegment> segments,
                        std::span<const ops::LoraGradient> gradients);

// Bytes that it takes at most, for an adapter's two matrices of `columns` columns together.
size_t lora_gradient_bytes(int64_t rows, int64_t segment_rows, int64_t rank, int64_t columns);

}  // namespace whorl::cuda
