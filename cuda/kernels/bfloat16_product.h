#pragma once
// Products of few rows with bfloat16 weights on tensor cores, y [N, O] = x w^T, for FewRows: every weight is
// read once, sixteen bytes a load, several loads ahead. Rows are bfloat16 too.
#include "cuda/kernels/few_rows.h"

namespace whorl::cuda {

struct alignas(16) FourWords {
  uint32_t x[4];
};

struct Bfloat16Call : ProductCall {
  static constexpr int64_t kInputs = 8;  // weights and rows have a multiple of so many, and begin at 16 bytes
  FourOf<Global<const FourWords>> weights;
  Global<const FourWords> values;  // of the rows
  int64_t inputs = 0, row_step = 0;
};

// product(sums of a tile, words of sixteen outputs, words of eight rows) for all of a group: outputs and rows
// come in words of inputs that stand together, four a load, and a product takes two of them.
template <int Outputs, int Rows, class Group, class Product>
WHORL_DEVICE void multiply_group(const Group& group, float (&sums)[Outputs][Rows][4],
                                 const Product& product) {
  WHORL_UNROLL
  for (int half = 0; half < 4; half += 2) {
    WHORL_UNROLL
    for (int m = 0; m < Outputs; ++m) {
      const FourWords &low = group.outputs[2 * m], &high = group.outputs[2 * m + 1];
      const uint32_t a[4] = {low.x[half], high.x[half], low.x[half + 1], high.x[half + 1]};
      WHORL_UNROLL
      for (int n = 0; n < Rows; ++n) {
        const uint32_t b[2] = {group.rows[n].x[half], group.rows[n].x[half + 1]};
        product(sums[m][n], a, b);
      }
    }
  }
}

// 16 `Outputs` outputs times 8 `Rows` rows. Those that are not there are others again and are not stored. A
// block reads all of its rows: the more outputs it has, the less that costs beside its weights.
template <int Outputs, int Rows>
struct Bfloat16Tile {
  using Call = Bfloat16Call;
  static constexpr int kOutputs = 16 * Outputs, kRows = 8 * Rows;
  static constexpr int kAhead = Outputs * Rows > 1 ? 2 : 4;  // groups
  using Sums = float[Outputs][Rows][4];
  const Call& call;
  Global<const FourWords> weights;
  int64_t outputs, output0, row0;
  WHORL_DEVICE Bfloat16Tile(const Call& its, int job, int64_t first_output, int64_t first_row)
      : call(its),
        weights(its.weights[job]),
        outputs(its.ends[job].outputs),
        output0(first_output),
        row0(first_row) {}

  // Eight neighbouring inputs of each of this lane's outputs and rows. Which of a group's 32 inputs a product
  // takes is free, as long as it is the same for both.
  struct Group {
    FourWords outputs[2 * Outputs], rows[Rows];
  };

  WHORL_DEVICE void load(Grid& grid, int64_t g, Group& to) const {
    const int lane = grid.lane() / 4;
    const int64_t input = g * 32 + 8 * (grid.lane() % 4);
    const bool inside = input < call.inputs;
    WHORL_UNROLL
    for (int i = 0; i < 2 * Outputs; ++i) {
      const int64_t wanted = output0 + 8 * i + lane, output = wanted < outputs ? wanted : outputs - 1;
      to.outputs[i] = inside ? weights[(output * call.inputs + input) / 8] : FourWords{};
    }
    WHORL_UNROLL
    for (int n = 0; n < Rows; ++n) {
      const int64_t wanted = row0 + 8 * n + lane, row = wanted < call.rows ? wanted : call.rows - 1;
      to.rows[n] = inside ? call.values[(row * call.row_step + input) / 8] : FourWords{};
    }
  }

  WHORL_DEVICE void multiply(Grid& grid, const Group& group, Sums& sums) const {
    multiply_group(group, sums,
                   [&](float(&c)[4], const uint32_t(&a)[4], const uint32_t(&b)[2]) { grid.mma(c, a, b); });
  }
};

}  // namespace whorl::cuda
