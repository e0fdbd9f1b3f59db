#pragma once
// What gradients of adapters (lora_gradients.h) are sums of, and how a segment's rows are cut into chunks.
#include "cuda/kernels/matrix.h"
#include "ops/dropout.h"

namespace whorl::cuda {

// One of the two gradients of a segment; element (rank, column) of it lies at out[rank * rank_step + column *
// column_step].
struct LoraGradientJob {
  float* out = nullptr;
  int64_t rank_step = 0, column_step = 0;
  int64_t begin = 0;    // the segment's first row in the batch
  int64_t partial = 0;  // where its chunks' sums begin, [chunks, rank, columns]
  uint64_t seed = 0;
  int64_t mask_row = 0;  // of its first row
  int32_t rows = 0, rank = 0, columns = 0;
  int32_t down = 0;  // da, of x and ds; else db, of dy and s
  float scale = 1, dropout = 0;

  // So that a few thousand rows fill a GPU, none so small that its sums cost more than its rows.
  static constexpr int kMostChunks = 8, kLeastChunk = 256, kChunkStep = 64;
  static constexpr int chunk_size(int rows) {
    const int size = (rows + kMostChunks * kChunkStep - 1) / (kMostChunks * kChunkStep) * kChunkStep;
    return size > kLeastChunk ? size : kLeastChunk;
  }
  static constexpr int chunk_count(int rows) { return (rows + chunk_size(rows) - 1) / chunk_size(rows); }

  WHORL_DEVICE void add(int64_t its_rank, int64_t column, float sum) const {
    Global<float>(out)[its_rank * rank_step + column * column_step] += scale * sum;
  }
};

// A row of a wide operand from one of its columns on, as a gradient sees it; zeros past the segment's end.
struct WideRow {
  Global<const float> wide;
  Global<const uint16_t> narrow;
  int64_t first;
  int columns;
  bool drops;
  float factor;
  ops::DropoutRow mask;

  WHORL_DEVICE WideRow(const LoraGradientJob& job, const EitherRows& from, int row, int column)
      : wide(from.row<float>(job.begin + row) + column),
        narrow(from.narrow ? from.row<uint16_t>(job.begin + row) + column : from.narrow),
        first(column),
        columns(row < job.rows ? job.columns - column : 0),
        drops(job.dropout > 0),
        factor(1.0f / (1.0f - job.dropout)),
        mask(job.seed, job.mask_row + row, job.dropout) {}
  WHORL_DEVICE float at(int c) const {
    if (c >= columns) return 0.0f;
    const float x = narrow ? widen(narrow[c]) : wide[c];
    if (!drops) return x;
    return mask.keeps(first + c) ? x * factor : 0.0f;
  }
};

// The chunks' sums of each output, in order: a thread per output of a job.
struct AddLoraChunks {
  static constexpr int kThreads = 256, kMost = LoraGradientJob::kMostChunks;
  Global<const LoraGradientJob> jobs;
  Global<const float> partial;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const LoraGradientJob job = jobs[grid.block()];
    const int64_t at = static_cast<int64_t>(grid.block_y()) * kThreads + grid.thread(),
                  count = static_cast<int64_t>(job.rank) * job.columns;
    const int chunks = LoraGradientJob::chunk_count(job.rows);
    if (chunks == 1 || at >= count) return;
    float parts[kMost];
    for (int chunk = 0; chunk < kMost; ++chunk)
      parts[chunk] = chunk < chunks ? partial[job.partial + chunk * count + at] : 0.0f;
    float sum = 0;
    for (int chunk = 0; chunk < kMost; ++chunk) sum += parts[chunk];
    job.add(at / job.columns, at % job.columns, sum);
  }
};

}  // namespace whorl::cuda
