#pragma once
// Products of few rows with FP8 weights on tensor cores, y [N, O] = x w^T, for FewRows: every code is read
// once, sixteen a load, several loads ahead. Rows are codes too.
#include "cuda/kernels/bfloat16_product.h"

namespace whorl::cuda {

struct Fp8Call : ProductCall {
  static constexpr int64_t kInputs = 64;  // of a group: sixteen for each of four lanes
  FourOf<Global<const FourWords>> weights;
  FourOf<Global<const float>> scales;
  Global<const FourWords> values;  // of the rows
  Global<const float> row_scales;
  int64_t stride = 0;  // from row to row of both, a multiple of 16
};

// 16 `Outputs` outputs times 8 `Rows` rows. Those that are not there are others again and are not stored.
template <int Outputs, int Rows>
struct Fp8Tile {
  using Call = Fp8Call;
  static constexpr int kOutputs = 16 * Outputs, kRows = 8 * Rows;
  static constexpr int kAhead = Outputs * Rows > 1 ? 2 : 4;  // groups
  using Sums = float[Outputs][Rows][4];
  const Call& call;
  Global<const FourWords> weights;
  Global<const float> scales;
  int64_t outputs, output0, row0;
  WHORL_DEVICE Fp8Tile(const Call& its, int job, int64_t first_output, int64_t first_row)
      : call(its),
        weights(its.weights[job]),
        scales(its.scales[job]),
        outputs(its.ends[job].outputs),
        output0(first_output),
        row0(first_row) {}

  WHORL_DEVICE int64_t output(int i) const { return output0 + i < outputs ? output0 + i : outputs - 1; }
  WHORL_DEVICE int64_t row(int i) const { return row0 + i < call.rows ? row0 + i : call.rows - 1; }

  // Sixteen neighbouring inputs of each of this lane's outputs and rows. Which of a group's inputs a product
  // takes is free, as long as it is the same for both.
  struct Group {
    FourWords outputs[2 * Outputs], rows[Rows];
  };

  WHORL_DEVICE void load(Grid& grid, int64_t g, Group& to) const {
    const int lane = grid.lane() / 4;
    const int64_t input = g * Call::kInputs + 16 * (grid.lane() % 4);
    const bool inside = input < call.stride;
    WHORL_UNROLL
    for (int i = 0; i < 2 * Outputs; ++i)
      to.outputs[i] = inside ? weights[(output(8 * i + lane) * call.stride + input) / 16] : FourWords{};
    WHORL_UNROLL
    for (int n = 0; n < Rows; ++n)
      to.rows[n] = inside ? call.values[(row(8 * n + lane) * call.stride + input) / 16] : FourWords{};
  }

  WHORL_DEVICE void multiply(Grid& grid, const Group& group, Sums& sums) const {
    multiply_group(group, sums, [&](float(&c)[4], const uint32_t(&a)[4], const uint32_t(&b)[2]) {
      grid.mma_e4m3(c, a, b);
    });
  }

  // Powers of two: sums of chunks are scaled as their sum would be.
  WHORL_DEVICE void scale(Grid& grid, Sums& sums) const {
    for_each_sum<Outputs, Rows>(grid, [&](int of_row, int of_output, int m, int n, int i) {
      sums[m][n][i] = sums[m][n][i] * call.row_scales[row(of_row)] * scales[output(of_output)];
    });
  }
};

}  // namespace whorl::cuda
