#pragma once
// A stand-in for NVIDIA's cuDNN, so that what it is asked for is tested: rows and steps, lists on the device,
// masks, logarithms, memory.
#include "cuda/packed_attention.h"
#include "cuda/runtime.h"

namespace whorl::cuda::emulated {

// std::runtime_error unless WHORL_EMULATED_CUDNN is set: "present", or "refuses", which has no answer to
// anything.
void expect_attention_library();

// In double precision from what `call` says alone, rounded once. Throws where a number is not the device's, a
// list is not what the sizes allow, or rows cannot be read sixteen bytes at a time.
bool attend(Runtime& runtime, const PackedAttention& call);
// How often it was, and for how many shapes that are graphs of their own.
int64_t attention_calls();
int64_t attention_graphs();

}  // namespace whorl::cuda::emulated
