#pragma once
#include "cuda/kernels/elementwise.h"

namespace whorl::cuda {

// Row ids[block] of the table.
template <class Table>
struct Embedding : EachElement {
  Table table;
  Global<const int32_t> ids;
  Dense<float> y;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t i = grid.block(), c = column(grid);
    if (c < columns) y.row(i)[c] = table.at(ids[i], c);
  }
};

// An id may occur in many rows: a thread owns a column and adds the rows in order.
struct EmbeddingBackward {
  static constexpr int kThreads = 64;
  Dense<const float> dy;
  Dense<float> dtable;
  Global<const int32_t> ids;
  int64_t rows = 0, columns = 0;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t c = static_cast<int64_t>(grid.block()) * kThreads + grid.thread();
    if (c >= columns) return;
    for (int64_t i = 0; i < rows; ++i) dtable.row(ids[i])[c] += dy.at(i, c);
  }
};

}  // namespace whorl::cuda
