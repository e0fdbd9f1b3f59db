#pragma once
// Products with weights of whole numbers on tensor cores: y [N, O] = x w^T + bias + residual, rows rounded to
// int8 (rounded.h). One product of Grid::mma has the whole numbers of one group of 32 inputs, sixteen outputs
// and eight rows, exactly; scales turn them into float32. One row has the bits of many: groups come in
// kChunks chunks that depend on the number of inputs alone, and sums of chunks are added in order, whoever
// walks them.
#include "cuda/kernels/four_of.h"
#include "cuda/kernels/matrix.h"

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

inline constexpr int kQuantisedJobs = 4;  // products of one launch

// What belongs to one of several products of the same rows.
struct QuantisedJob {
  Global<const uint32_t> weights;         // words of four codes
  Global<const uint16_t> scales, minima;  // [O, groups]; minima null where the codes have none
  Global<const float> bias;               // [O], may be null, like the residual
  Dense<const float> residual;
  Dense<float> y;
  int64_t outputs = 0, first_block = 0;

  WHORL_DEVICE void store(int64_t row, int64_t output, float sum) const {
    if (bias) sum += bias[output];
    y.row(row)[output] = residual.data ? sum + residual.at(row, output) : sum;
  }
};

struct QuantisedCall {
  static constexpr int kChunks = 8;
  FourOf<QuantisedJob> jobs;
  static_assert(kQuantisedJobs == 4);
  int64_t count = 0;                  // of jobs
  Global<const uint32_t> rows_codes;  // [N, groups, 32]
  Global<const float> row_scales;     // [N, groups]
  int64_t rows = 0, groups = 0;

  WHORL_DEVICE const QuantisedJob& job_of(int64_t block) const {
    int mine = 0;
    while (mine + 1 < count && block >= jobs[mine + 1].first_block) ++mine;
    return jobs[mine];
  }
  WHORL_DEVICE int64_t chunk_begin(int64_t chunk) const {
    const int64_t begin = chunk * ((groups + kChunks - 1) / kChunks);
    return begin < groups ? begin : groups;
  }
};

// What a warp multiplies: 16 `Outputs` outputs times 8 `Rows` rows. Those that are not there are others again
// and are not stored.
template <class Codes, int Outputs, int Rows>
struct QuantisedTile {
  static constexpr int kOutputs = 16 * Outputs, kRows = 8 * Rows;
  static constexpr int kAhead =
      Outputs * Rows > 4 ? 2 : 4;  // groups that are loaded before any is multiplied
  using Sums = float[Outputs][Rows][4];
  const QuantisedCall& call;
  const QuantisedJob& job;
  int64_t output0, row0;

  WHORL_DEVICE bool outside() const { return output0 >= job.outputs || row0 >= call.rows; }

  // sums += groups of one chunk.
  WHORL_DEVICE void add_chunk(Grid& grid, int64_t chunk, Sums& sums) const {
    const int64_t end = call.chunk_begin(chunk + 1);
    for (int64_t first = call.chunk_begin(chunk); first < end; first += kAhead) {
      Group groups[kAhead];
      WHORL_UNROLL
      for (int i = 0; i < kAhead; ++i)
        if (first + i < end) load(grid, first + i, groups[i]);
      grid.sync_warp();  // lanes may have come here by different ways, and multiply together
      WHORL_UNROLL
      for (int i = 0; i < kAhead; ++i)
        if (first + i < end) multiply(grid, groups[i], sums);
    }
  }

  // Of the tile's own row and output.
  WHORL_DEVICE void store(int row, int output, float sum) const {
    if (row0 + row < call.rows && output0 + output < job.outputs)
      job.store(row0 + row, output0 + output, sum);
  }
  // body(row, output, place in sums) for what this lane holds.
  template <class Body>
  WHORL_DEVICE void for_each(Grid& grid, const Body& body) const {
    WHORL_UNROLL
    for (int m = 0; m < Outputs; ++m) {
      WHORL_UNROLL
      for (int n = 0; n < Rows; ++n) {
        WHORL_UNROLL
        for (int i = 0; i < 4; ++i)
          body(8 * n + grid.lane() % 4 * 2 + i % 2, 16 * m + grid.lane() / 4 + i / 2 * 8, m, n, i);
      }
    }
  }

 private:
  struct Group {
    uint32_t a[Outputs][4], b[Rows][2];
    float scales[Outputs][2], least[Outputs][2], row_scales[Rows][2];
  };

  WHORL_DEVICE int64_t output(int64_t i) const {
    return output0 + i < job.outputs ? output0 + i : job.outputs - 1;
  }
  WHORL_DEVICE int64_t row(int64_t i) const { return row0 + i < call.rows ? row0 + i : call.rows - 1; }

  WHORL_DEVICE bool minima() const { return Codes::kMinima && job.minima; }

  WHORL_DEVICE void load(Grid& grid, int64_t g, Group& to) const {
    const int lane = grid.lane() / 4, t = grid.lane() % 4;
    const bool its_minima = minima();
    WHORL_UNROLL
    for (int i = 0; i < 2 * Outputs; ++i) {
      const int64_t at = output(8 * i + lane) * call.groups + g;
      const TwoWords words = Codes::of_output(job.weights, at, t, its_minima);
      to.a[i / 2][i % 2] = words.x[0], to.a[i / 2][i % 2 + 2] = words.x[1];
      to.scales[i / 2][i % 2] = half_bits_to_float(job.scales[at]);
      to.least[i / 2][i % 2] = its_minima ? half_bits_to_float(job.minima[at]) : 0.0f;
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

// Few rows: the warps of a block have a chunk each of one tile, so that many read weights at once.
template <class Codes, int Rows>
struct QuantisedFewRows {
  using Tile = QuantisedTile<Codes, 1, Rows>;
  static constexpr int kThreads = 32 * QuantisedCall::kChunks, kSums = Tile::kOutputs * Tile::kRows;
  static constexpr int64_t kOutputs = Tile::kOutputs, kRows = Tile::kRows;
  static constexpr int64_t kShared = shared_size(int64_t{QuantisedCall::kChunks} * kSums * 4);
  QuantisedCall call;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const QuantisedJob& job = call.job_of(grid.block());
    const Tile tile{call, job, (grid.block() - job.first_block) * kOutputs, grid.block_y() * kRows};
    const Shared<float> parts = grid.shared<float>(int64_t{QuantisedCall::kChunks} * kSums);
    typename Tile::Sums sums = {};
    tile.add_chunk(grid, grid.warp(), sums);
    tile.for_each(grid, [&](int row, int output, int m, int n, int i) {
      parts[grid.warp() * kSums + row * Tile::kOutputs + output] = sums[m][n][i];
    });
    grid.sync();
    for (int at = grid.thread(); at < kSums; at += kThreads) {
      float sum = 0;
      for (int chunk = 0; chunk < QuantisedCall::kChunks; ++chunk) sum += parts[chunk * kSums + at];
      tile.store(at / Tile::kOutputs, at % Tile::kOutputs, sum);
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
    const QuantisedJob& job = call.job_of(grid.block());
    const Tile tile{call, job,
                    (grid.block() - job.first_block) * kOutputs + grid.warp() % kAcross * Tile::kOutputs,
                    grid.block_y() * kRows + grid.warp() / kAcross * Tile::kRows};
    if (tile.outside()) return;  // a whole warp
    typename Tile::Sums total = {};
    for (int chunk = 0; chunk < QuantisedCall::kChunks; ++chunk) {
      typename Tile::Sums sums = {};
      tile.add_chunk(grid, chunk, sums);
      tile.for_each(grid, [&](int, int, int m, int n, int i) { total[m][n][i] += sums[m][n][i]; });
    }
    tile.for_each(grid,
                  [&](int row, int output, int m, int n, int i) { tile.store(row, output, total[m][n][i]); });
  }
};

}  // namespace whorl::cuda
