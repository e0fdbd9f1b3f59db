#pragma once
// The two halves of an adapter at its true rank, for the adapters of several products of the same rows at
// once: `LoraShrink` (lora_shrink.h) makes s = D(x) down^T, `LoraExpand` (lora_expand.h) adds s up to each
// product. Beside a base that may be rounded they are `LoraTensorShrink` and `LoraTensorExpand`: the adapter
// is held in bfloat16, x and s are rounded on their way into registers, and tensor cores multiply.
//
// Order of additions: inputs in chunks whose size depends on their number alone, within a chunk a lane's own,
// then the lanes' (on tensor cores: sixteen a product), then the chunks' sums one after another. A row's bits
// therefore do not depend on the rows beside it, nor on whether its chunks ran in one block or in several.
#include "cuda/kernels/four_of.h"
#include "cuda/kernels/fours.h"
#include "ops/dropout.h"

namespace whorl::cuda {

inline constexpr int kPieceRows = 8;    // share what is read of a matrix
inline constexpr int kTensorRows = 16;  // the same on tensor cores
inline constexpr int kLoraJobs = 4;     // products of one launch

// At most so many rows of one segment of one product; `down` [rank, inputs] and `up` [rank, outputs] of its
// adapter, float32, or bfloat16 for tensor cores.
struct LoraPiece {
  const void *down = nullptr, *up = nullptr;
  uint64_t seed = 0;
  int64_t mask_row = 0;  // of its first row
  int64_t begin = 0;     // its first row in the batch
  int64_t partial = 0;   // where its chunks' sums begin, [chunks, rows, rank]
  int32_t rows = 0, rank = 0, job = 0;
  float dropout = 0;

  template <class T>
  WHORL_DEVICE Global<const T> downs() const {
    return Global<const T>(static_cast<const T*>(down));
  }
  template <class T>
  WHORL_DEVICE Global<const T> ups() const {
    return Global<const T>(static_cast<const T*>(up));
  }
  WHORL_DEVICE ops::DropoutRow mask(int64_t row) const { return {seed, mask_row + row, dropout}; }
  WHORL_DEVICE float factor() const { return 1.0f / (1.0f - dropout); }
  // Four neighbours of one of its rows, from an even column on.
  WHORL_DEVICE void drop(int64_t row, int64_t column, Four& value) const {
    const ops::DropoutRow its = mask(row);
    for (int j = 0; j < 4; j += 2) {
      const uint64_t bits = its.draw((column + j) / 2);
      value.x[j] = its.keeps_even(bits) ? value.x[j] * factor() : 0.0f;
      value.x[j + 1] = its.keeps_odd(bits) ? value.x[j + 1] * factor() : 0.0f;
    }
  }
};

// What belongs to a product: where s goes (empty: nowhere), what is added to.
struct LoraJob {
  Dense<float> s;
  EitherOut y;
  int64_t outputs = 0;
};

// What both kernels know. With `partial` chunks run in blocks of their own and leave their sums there, which
// whoever reads them adds in order; without, s is whole.
struct LoraCall {
  Global<const LoraPiece> pieces;
  FourOf<LoraJob> jobs;
  static_assert(kLoraJobs == 4);
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

  // Whether four neighbours of x (lora_rows.h) and of a matrix [.., inputs] can be loaded at once.
  template <class Source, class T>
  WHORL_DEVICE bool in_fours(const Source& x, const Global<const T>& matrix) const {
    return inputs % 4 == 0 && x.in_fours() && cuda::in_fours(matrix, inputs);
  }

  // The chunks' sums, `step` apart. Loads go ahead of the additions, which are in order.
  WHORL_DEVICE float add_chunks(int64_t first, int64_t step) const {
    constexpr int kAtOnce = 16;
    float sum = 0;
    for (int64_t chunk_of = 0; chunk_of < chunks; chunk_of += kAtOnce) {
      float parts[kAtOnce];
      for (int i = 0; i < kAtOnce; ++i)
        parts[i] = chunk_of + i < chunks ? partial[first + (chunk_of + i) * step] : 0.0f;
      for (int i = 0; i < kAtOnce; ++i) sum += parts[i];
    }
    return sum;
  }
};

}  // namespace whorl::cuda
