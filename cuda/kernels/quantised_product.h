#pragma once
// Products with weights of whole numbers on tensor cores: y [N, O] = x w^T + bias + residual, rows rounded to
// int8 (rounded.h). One product of Grid::mma has the whole numbers of one group of 32 inputs, sixteen outputs
// and eight rows, exactly; scales turn them into float32.
#include "cuda/kernels/few_rows.h"

namespace whorl::cuda {

struct alignas(8) TwoWords {
  uint32_t x[2];
};
WHORL_DEVICE Global<const TwoWords> in_twos(const Global<const uint32_t>& words) {
  return Global<const TwoWords>(reinterpret_cast<const TwoWords*>(words.raw()));
}

// The eight codes of a group that lane % 4 = `t` has, of an output's and of a row's, as numbers of one byte.
// Which of the 32 they are is free, as long as it is the same for both: a group's sum is exact.
struct Int8Codes {
  static constexpr bool kMinima = false;
  WHORL_DEVICE static TwoWords of_output(const Global<const uint32_t>& words, int64_t group, int t, bool) {
    return in_twos(words)[group * 4 + t];
  }
  WHORL_DEVICE static TwoWords of_row(const Global<const uint32_t>& words, int64_t group, int t) {
    return in_twos(words)[group * 4 + t];
  }
};
// Nibbles, code j beside code j + 16. Without minima they hold code + 8.
struct Int4Codes {
  static constexpr bool kMinima = true;  // some have them
  WHORL_DEVICE static uint32_t signed_code(uint32_t nibbles, bool minima) {
    return minima ? nibbles : (nibbles + 0x78787878u) ^ 0x80808080u;  // minus 8, byte by byte
  }
  WHORL_DEVICE static TwoWords of_output(const Global<const uint32_t>& words, int64_t group, int t,
                                         bool minima) {
    const uint32_t both = words[group * 4 + t];
    return {{signed_code(both & 0x0f0f0f0fu, minima), signed_code((both >> 4) & 0x0f0f0f0fu, minima)}};
  }
  WHORL_DEVICE static TwoWords of_row(const Global<const uint32_t>& words, int64_t group, int t) {
    return {{words[group * 8 + t], words[group * 8 + 4 + t]}};
  }
};

// What belongs to one of several products of the same rows.
struct QuantisedWeights {
  Global<const uint32_t> codes;           // words of four
  Global<const uint16_t> scales, minima;  // [O, groups]; minima null where the codes have none
};

struct QuantisedCall : ProductCall {
  FourOf<QuantisedWeights> weights;
  Global<const uint32_t> rows_codes;  // [N, groups, 32]
  Global<const float> row_scales;     // [N, groups]
};

// What a warp multiplies: 16 `Outputs` outputs times 8 `Rows` rows. Those that are not there are others again
// and are not stored.
template <class Codes, int Outputs, int Rows>
struct QuantisedTile {
  using Call = QuantisedCall;
  static constexpr int kOutputs = 16 * Outputs, kRows = 8 * Rows;
  static constexpr int kAhead = Outputs * Rows > 2 ? 2 : 4;  // groups
  using Sums = float[Outputs][Rows][4];
  const QuantisedCall& call;
  const ProductEnd& end;
  const QuantisedWeights& weights;
  int64_t output0, row0;
  WHORL_DEVICE QuantisedTile(const QuantisedCall& its, int job, int64_t first_output, int64_t first_row)
      : call(its), end(its.ends[job]), weights(its.weights[job]), output0(first_output), row0(first_row) {}

  WHORL_DEVICE bool outside() const { return output0 >= end.outputs || row0 >= call.rows; }

  // Of the tile's own row and output.
  WHORL_DEVICE void store(int row, int output, float sum) const {
    if (row0 + row < call.rows && output0 + output < end.outputs)
      end.store(row0 + row, output0 + output, sum);
  }

  struct Group {
    uint32_t a[Outputs][4], b[Rows][2];
    float scales[Outputs][2], least[Outputs][2], row_scales[Rows][2];
  };

  WHORL_DEVICE int64_t output(int64_t i) const {
    return output0 + i < end.outputs ? output0 + i : end.outputs - 1;
  }
  WHORL_DEVICE int64_t row(int64_t i) const { return row0 + i < call.rows ? row0 + i : call.rows - 1; }

  WHORL_DEVICE bool minima() const { return Codes::kMinima && weights.minima; }

  WHORL_DEVICE void load(Grid& grid, int64_t g, Group& to) const {
    const int lane = grid.lane() / 4, t = grid.lane() % 4;
    const bool its_minima = minima();
    WHORL_UNROLL
    for (int i = 0; i < 2 * Outputs; ++i) {
      const int64_t at = output(8 * i + lane) * call.groups + g;
      const TwoWords words = Codes::of_output(weights.codes, at, t, its_minima);
      to.a[i / 2][i % 2] = words.x[0], to.a[i / 2][i % 2 + 2] = words.x[1];
      to.scales[i / 2][i % 2] = half_bits_to_float(weights.scales[at]);
      to.least[i / 2][i % 2] = its_minima ? half_bits_to_float(weights.minima[at]) : 0.0f;
    }
    WHORL_UNROLL
    for (int n = 0; n < Rows; ++n) {
      const TwoWords words = Codes::of_row(call.rows_codes, row(8 * n + lane) * call.groups + g, t);
      to.b[n][0] = words.x[0], to.b[n][1] = words.x[1];
      for (int i = 0; i < 2; ++i)
        to.row_scales[n][i] = call.row_scales[row(8 * n + 2 * t + i) * call.groups + g];
    }
  }

  WHORL_DEVICE void multiply(Grid& grid, const Group& group, Sums& sums) const {
    constexpr uint32_t kOnes = 0x01010101u;
    const uint32_t ones[4] = {kOnes, kOnes, kOnes, kOnes};
    const bool its_minima = minima();
    WHORL_UNROLL
    for (int n = 0; n < Rows; ++n) {
      int plain[4] = {};  // the sums of the rows' codes alone
      if (its_minima) grid.mma(plain, ones, group.b[n]);
      WHORL_UNROLL
      for (int m = 0; m < Outputs; ++m) {
        int products[4] = {};
        grid.mma(products, group.a[m], group.b[n]);
        WHORL_UNROLL
        for (int i = 0; i < 4; ++i) {
          float& sum = sums[m][n][i];
          const float scale = group.row_scales[n][i % 2];
          sum = fmaf(static_cast<float>(products[i]), group.scales[m][i / 2] * scale, sum);
          if (its_minima) sum = fmaf(static_cast<float>(plain[i]), -group.least[m][i / 2] * scale, sum);
        }
      }
    }
  }
};

// Many rows: every warp has a tile of its own, 128 outputs and 64 rows together, and walks all chunks.
template <class Codes>
struct QuantisedManyRows {
  using Tile = QuantisedTile<Codes, 2, 4>;
  static constexpr int kThreads = 256, kAcross = 4, kDown = 2;  // warps
  static constexpr int64_t kOutputs = kAcross * Tile::kOutputs, kRows = kDown * Tile::kRows, kShared = 0;
  QuantisedCall call;

  WHORL_DEVICE void operator()(Grid& grid) const {
    call.place(grid);
    const int job = call.job_of(grid.block());
    const Tile tile(
        call, job,
        (grid.block() - call.ends[job].first_block) * kOutputs + grid.warp() % kAcross * Tile::kOutputs,
        grid.block_y() * kRows + grid.warp() / kAcross * Tile::kRows);
    if (tile.outside()) return;  // a whole warp
    const auto for_each = [&](const auto& body) { for_each_sum<2, 4>(grid, body); };
    typename Tile::Sums total = {};
    for (int chunk = 0; chunk < QuantisedCall::kChunks; ++chunk) {
      typename Tile::Sums sums = {};
      add_chunk(grid, tile, chunk, sums);
      for_each([&](int, int, int m, int n, int i) { total[m][n][i] += sums[m][n][i]; });
    }
    for_each([&](int row, int output, int m, int n, int i) { tile.store(row, output, total[m][n][i]); });
  }
};

}  // namespace whorl::cuda
