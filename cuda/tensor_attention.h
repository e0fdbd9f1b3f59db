#pragma once
// Attention on tensor cores, where its shape lets operands be rounded to bfloat16.
#include "cuda/kernels/attention_backward.h"
#include "cuda/runtime.h"

namespace whorl::cuda {

inline constexpr int64_t kTensorQueries = 64, kTensorKeys = 64;  // of a block: how lists of pieces are cut
inline constexpr int64_t kMostStates = 64 << 20;                 // floats that split spans may leave behind
inline constexpr int64_t kFewBlocks = 512;  // fewer leave a GPU idle: then spans run in blocks of their own

// `list` is what call.pieces has on the device, not empty.
void tensor_attention(Runtime& runtime, const AttentionCall& call, const std::vector<AttentionPiece>& list);

// A backward pass: what is read, what is written, and lists on the device, cut as the kernels' blocks are.
struct AttentionGradients {
  AttentionGradientInputs inputs;
  int64_t kv_heads = 1;
  EitherOut dq, dk, dv;
  Global<const AttentionPiece> by_query, by_key;
  int64_t queries = 0, keys = 0;  // pieces in each list
};
void tensor_attention_backward(Runtime& runtime, const AttentionGradients& g);

}  // namespace whorl::cuda
