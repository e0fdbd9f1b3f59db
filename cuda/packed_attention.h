#pragma once
// Attention of packed rows as NVIDIA's library is asked for it: causal, every sequence from its own start,
// all numbers bfloat16 but lse's.
#include <cstddef>
#include <cstdint>

namespace whorl::cuda {

// Rows on the device: sequence s begins starts[s] elements after `data`.
struct PackedMatrix {
  void* data = nullptr;
  int64_t step = 0;                 // elements between rows
  const int32_t* starts = nullptr;  // [sequences + 1], on the device
};

struct PackedAttention {
  // Graphs are made for these four sizes. `rows` and `longest` bound what there is, and sequences at the end
  // may have no rows: so that many batches share a graph (library_attention.cc).
  int64_t rows = 0, sequences = 0, longest = 0;
  int64_t heads = 0, kv_heads = 0, head_size = 0;
  int64_t window = 0;  // a query sees itself and the window - 1 keys before it; 0 = all keys before it
  float scale = 0;
  size_t most_bytes = 0;             // what may be borrowed; a graph that takes more is no answer
  const int32_t* lengths = nullptr;  // [sequences], on the device
  PackedMatrix q, k, v, out;  // [N, H*D], [N, G*D] twice, [N, H*D]; the last is written forward, else read
  PackedMatrix lse;           // [N, H] float32: natural logarithms of sums of scaled scores; or no data
  PackedMatrix dout, dq, dk, dv;  // as out, q, k and v; data where it is the way back
  bool backward() const { return dout.data != nullptr; }
};

}  // namespace whorl::cuda
