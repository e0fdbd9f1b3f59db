#pragma once
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

// One block per row of logits: its loss, and in place weight * (softmax - one at the target),
// NaN where the loss is not finite.
struct LossRow {
  static constexpr int kThreads = 256, kWarps = kThreads / 32;
  static constexpr int64_t kShared = shared_size(kWarps * 4) + shared_size(kWarps * 8);
  Dense<float> logits;
  Global<const int32_t> rows, targets;  // of each row here: its row in the batch, its target
  Global<const float> weights;          // likewise; empty: no gradient
  Global<float> losses;                 // of the batch
  int64_t vocabulary = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto maxima = grid.shared<float>(kWarps);
    const auto sums = grid.shared<double>(kWarps);
    const auto row = logits.row(grid.block());
    const int32_t target = targets[grid.block()];
    float most = row[0];
    for (int64_t v = grid.thread(); v < vocabulary; v += kThreads) most = row[v] > most ? row[v] : most;
    most = block_max<kWarps>(grid, most, maxima);
    double sum = 0;
    for (int64_t v = grid.thread(); v < vocabulary; v += kThreads)
      sum += static_cast<double>(expf(row[v] - most));
    sum = block_sum<kWarps>(grid, sum, sums);
    const double lse = log(sum) + static_cast<double>(most);
    const auto loss = static_cast<float>(lse - static_cast<double>(row[target]));
    if (grid.thread() == 0) losses[rows[grid.block()]] = loss;
    if (!weights) return;
    grid.sync();  // the target's logit has been read
    const float weight = finite(loss) ? weights[grid.block()] : loss - loss, shift = static_cast<float>(lse);
    for (int64_t v = grid.thread(); v < vocabulary; v += kThreads) {
      const float p = weight * expf(row[v] - shift);
      row[v] = v == target ? p - weight : p;
    }
  }
};

// Rows of a matrix to or from a dense block: row i of the block is row rows[i] of the matrix.
struct GatherRows {
  static constexpr int kThreads = 256;
  EitherOut matrix, block;
  Global<const int32_t> rows;
  int64_t columns = 0;
  bool scatter = false;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t c = static_cast<int64_t>(grid.block_y()) * kThreads + grid.thread();
    if (c >= columns) return;
    const int64_t outside = rows[grid.block()], inside = grid.block();
    if (scatter)
      matrix.put(outside, c, block.at(inside, c));
    else
      block.put(inside, c, matrix.at(outside, c));
  }
};

}  // namespace whorl::cuda
