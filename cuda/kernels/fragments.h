#pragma once
// Products of a warp's sixteen rows on tensor cores (Grid::mma): how rows of float32 become words of two
// bfloat16 numbers, in registers and in shared memory. A head is padded with zeros to `Channels`, a multiple
// of 32, which adds exactly nothing.
//
// A tile lies in shared memory as its product reads it: `along`, a word has neighbouring channels of one row
// (sums over channels), or `across`, it has one channel of neighbouring rows (sums over rows). With these
// pitches the lanes of every read touch 32 banks.
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

template <int Channels>
struct Tile {
  static constexpr int kSteps = Channels / 16;     // of sums over channels
  static constexpr int kColumns = Channels / 8;    // blocks of eight channels of a result
  static constexpr int kAlong = Channels / 2 + 4;  // words from row to row
  static constexpr int kAcross = Channels + 8;     // words from two rows to the next two

  static constexpr int64_t along_bytes(int64_t rows) { return shared_size(rows * kAlong * 4); }
  static constexpr int64_t across_bytes(int64_t rows) { return shared_size(rows / 2 * kAcross * 4); }
};

// Channel c of a row of d; a null row is one of zeros. Rows are float32, or rounded to bfloat16 already.
template <class Stored>
WHORL_DEVICE float channel_of(const Global<Stored>& row, int c, int d) {
  return row && c < d ? widen(row[c]) : 0.0f;
}
WHORL_DEVICE uint32_t channels_of(const Global<const float>& row, int c, int d) {
  return bfloat16_pair(channel_of(row, c, d), channel_of(row, c + 1, d));
}
// c is even, and rows mostly begin at whole words.
WHORL_DEVICE uint32_t channels_of(const Global<const uint16_t>& row, int c, int d) {
  if (!row || c >= d) return 0;
  if (c + 1 < d && reinterpret_cast<uintptr_t>(row.raw()) % 4 == 0)
    return Global<const uint32_t>(reinterpret_cast<const uint32_t*>(row.raw()))[c / 2];
  return row[c] | (c + 1 < d ? static_cast<uint32_t>(row[c + 1]) << 16 : 0u);
}
// Channel c of two rows.
WHORL_DEVICE uint32_t channel_pair(const Global<const float>& low, const Global<const float>& high, int c,
                                   int d) {
  return bfloat16_pair(channel_of(low, c, d), channel_of(high, c, d));
}
WHORL_DEVICE uint32_t channel_pair(const Global<const uint16_t>& low, const Global<const uint16_t>& high,
                                   int c, int d) {
  return c < d ? side_by_side(low ? low[c] : uint16_t{0}, high ? high[c] : uint16_t{0}) : 0u;
}

// Rows [0, Rows) into a tile, by all warps of the block; row(i) says where row i begins, null for one of
// zeros.
template <int Channels, int Rows, int Warps, class Row>
WHORL_DEVICE void load_along(Grid& grid, const Shared<uint32_t>& tile, int d, const Row& row) {
  for (int i = grid.warp(); i < Rows; i += Warps) {
    const auto from = row(i);
    for (int pair = grid.lane(); pair < Channels / 2; pair += 32)
      tile[i * Tile<Channels>::kAlong + pair] = channels_of(from, 2 * pair, d);
  }
}

template <int Channels, int Rows, int Warps, class Row>
WHORL_DEVICE void load_across(Grid& grid, const Shared<uint32_t>& tile, int d, const Row& row) {
  for (int two = grid.warp(); two < Rows / 2; two += Warps) {
    const auto even = row(2 * two), odd = row(2 * two + 1);
    for (int c = grid.lane(); c < Channels; c += 32)
      tile[two * Tile<Channels>::kAcross + c] = channel_pair(even, odd, c, d);
  }
}

// Both at once: a number is read once.
template <int Channels, int Rows, int Warps, class Row>
WHORL_DEVICE void load_both(Grid& grid, const Shared<uint32_t>& along, const Shared<uint32_t>& across, int d,
                            const Row& row) {
  using Its = Tile<Channels>;
  for (int two = grid.warp(); two < Rows / 2; two += Warps) {
    const auto even = row(2 * two), odd = row(2 * two + 1);
    for (int pair = grid.lane(); pair < Channels / 2; pair += 32) {
      const int c = 2 * pair;
      const uint32_t low = channels_of(even, c, d), high = channels_of(odd, c, d);
      along[2 * two * Its::kAlong + pair] = low, along[(2 * two + 1) * Its::kAlong + pair] = high;
      across[two * Its::kAcross + c] = (low & 0xffffu) | high << 16;
      across[two * Its::kAcross + c + 1] = low >> 16 | (high & 0xffff0000u);
    }
  }
}

// This lane's words of sixteen rows: `low` is where row lane / 4 begins, `high` the one eight below.
template <int Channels, class T>
WHORL_DEVICE void load_rows(Grid& grid, const Global<T>& low, const Global<T>& high, int d,
                            uint32_t (&a)[Channels / 16][4]) {
  WHORL_UNROLL
  for (int step = 0; step < Channels / 16; ++step) {
    const int c = 16 * step + grid.lane() % 4 * 2;
    a[step][0] = channels_of(low, c, d), a[step][1] = channels_of(high, c, d);
    a[step][2] = channels_of(low, c + 8, d), a[step][3] = channels_of(high, c + 8, d);
  }
}

// The same words of one step of sixteen rows that lie in a tile from row `first` on.
template <int Channels>
WHORL_DEVICE void rows_of_tile(Grid& grid, const Shared<uint32_t>& tile, int first, int step,
                               uint32_t (&a)[4]) {
  constexpr int kPitch = Tile<Channels>::kAlong;
  const int at = (first + grid.lane() / 4) * kPitch + 8 * step + grid.lane() % 4;
  a[0] = tile[at], a[1] = tile[at + 8 * kPitch], a[2] = tile[at + 4], a[3] = tile[at + 8 * kPitch + 4];
}

// c[n] += channels [16 step, 16 step + 16) of sixteen rows times those of rows [8 n, 8 n + 8) of a tile.
template <int Channels, int N>
WHORL_DEVICE void multiply_along(Grid& grid, const uint32_t (&a)[4], const Shared<uint32_t>& tile, int step,
                                 float (&c)[N][4]) {
  constexpr int kPitch = Tile<Channels>::kAlong;
  const int at = grid.lane() / 4 * kPitch + 8 * step + grid.lane() % 4;
  WHORL_UNROLL
  for (int n = 0; n < N; ++n) {
    const uint32_t b[2] = {tile[at + 8 * n * kPitch], tile[at + 8 * n * kPitch + 4]};
    grid.mma(c[n], a, b);
  }
}

// c[n] += sixteen rows of 8 K weights, times channels [8 n, 8 n + 8) of the 8 K rows of a tile. Weights lie
// in lanes as a product leaves them (K blocks of eight), which is as the next one takes them.
template <int Channels, int K>
WHORL_DEVICE void multiply_across(Grid& grid, const float (&weights)[K][4], const Shared<uint32_t>& tile,
                                  float (&c)[Channels / 8][4]) {
  constexpr int kPitch = Tile<Channels>::kAcross;
  const int at = grid.lane() % 4 * kPitch + grid.lane() / 4;
  grid.sync_warp();  // lanes may have come here by different ways, and multiply together
  WHORL_UNROLL
  for (int step = 0; step < K / 2; ++step) {
    const float(&left)[4] = weights[2 * step], (&right)[4] = weights[2 * step + 1];
    const uint32_t a[4] = {bfloat16_pair(left[0], left[1]), bfloat16_pair(left[2], left[3]),
                           bfloat16_pair(right[0], right[1]), bfloat16_pair(right[2], right[3])};
    WHORL_UNROLL
    for (int n = 0; n < Channels / 8; ++n) {
      const uint32_t b[2] = {tile[at + 8 * step * kPitch + 8 * n],
                             tile[at + (8 * step + 4) * kPitch + 8 * n]};
      grid.mma(c[n], a, b);
    }
  }
}

// Over the four lanes that share a row: all get the same bits.
WHORL_DEVICE float row_sum(Grid& grid, float x) {
  for (int mask = 1; mask < 4; mask *= 2) x += grid.shuffle_xor(x, mask);
  return x;
}
WHORL_DEVICE float row_max(Grid& grid, float x) {
  for (int mask = 1; mask < 4; mask *= 2) {
    const float other = grid.shuffle_xor(x, mask);
    x = other > x ? other : x;
  }
  return x;
}

}  // namespace whorl::cuda
