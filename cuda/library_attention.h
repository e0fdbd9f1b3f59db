#pragma once
// Attention by NVIDIA's library, where WHORL_CUDA_ATTENTION asks for it.
#include "cuda/lists.h"
#include "cuda/runtime.h"
#include "ops/backend.h"

namespace whorl::cuda {

// Of one call of the contract's; the last four only on the way back.
struct AttentionTensors {
  const Tensor &q, &k, &v, &out, &lse;
  const Tensor *dout = nullptr, *dq = nullptr, *dk = nullptr, *dv = nullptr;
};

// False where the library has no answer (numbers that are not bfloat16, a head or rows it cannot read, a
// shape it has no graph for): kernels here do it.
bool attention_by_library(Runtime& runtime, Lists& lists, const char* op, const AttentionTensors& t,
                          ops::Ragged rows, const ops::AttentionShape& shape);

// The most memory that it borrows for a pass of so many rows.
size_t library_attention_bytes(int64_t rows, const ops::AttentionShape& shape);

}  // namespace whorl::cuda
