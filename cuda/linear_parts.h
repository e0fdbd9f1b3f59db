#pragma once
// What linear and its backward pass share: segments cut into pieces of eight rows.
#include <algorithm>
#include <vector>

#include "cuda/kernels/lora.h"
#include "cuda/packed.h"
#include "ops/checks.h"

namespace whorl::cuda {

inline void check_segments(const char* op, std::span<const ops::LoraSegment> segments, int64_t rows,
                           int64_t inputs, int64_t outputs) {
  ops::expect_segments(op, segments, rows);
  for (const auto& s : segments) {
    if (!s.lora) continue;
    const CudaLora& lora = as_cuda(*s.lora);
    ops::expect_adapter(op, lora.inputs(), lora.outputs(), inputs, outputs);
  }
}

// `backward` swaps the matrices: ds = dy (scale b), dx += ds a.
inline std::vector<LoraPiece> lora_pieces(std::span<const ops::LoraSegment> segments, bool backward) {
  std::vector<LoraPiece> pieces;
  for (const auto& s : segments) {
    if (!s.lora) continue;
    const CudaLora& lora = as_cuda(*s.lora);
    const float *a = lora.a.data<float>(), *bt = lora.bt.data<float>();
    for (int64_t row = s.begin; row < s.end; row += kPieceRows)
      pieces.push_back({backward ? bt : a, backward ? a : bt, row, std::min<int64_t>(row + kPieceRows, s.end),
                        s.begin - s.first_row, lora.rank(), s.dropout_seed, s.dropout});
  }
  return pieces;
}

}  // namespace whorl::cuda
