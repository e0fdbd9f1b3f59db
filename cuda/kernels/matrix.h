#pragma once
// What kernels read and write: rows of device memory, whatever stores their numbers, and sums over a block.
#include "target/grid.h"

namespace whorl::cuda {

// What one piece of shared memory takes: pieces begin at multiples of 16 bytes.
constexpr int64_t shared_size(int64_t bytes) { return (bytes + 15) / 16 * 16; }

WHORL_DEVICE float widen(float x) { return x; }
WHORL_DEVICE float widen(uint16_t bfloat16) { return bits_to_float(static_cast<uint32_t>(bfloat16) << 16); }

// To the nearest, ties to even; NaN stays NaN.
WHORL_DEVICE uint16_t to_bfloat16(float x) {
  const uint32_t bits = float_to_bits(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
// Two of them in a word, `low` in the lower half.
WHORL_DEVICE uint32_t side_by_side(uint16_t low, uint16_t high) {
  return low | static_cast<uint32_t>(high) << 16;
}
WHORL_DEVICE void store(float& to, float x) { to = x; }
WHORL_DEVICE void store(uint16_t& to, float x) { to = to_bfloat16(x); }

// Neither infinite nor NaN.
template <class T>
WHORL_DEVICE bool finite(T x) {
  return x - x == 0;
}

// Rows of T, `stride` elements apart.
template <class T>
struct Dense {
  Global<T> data;
  int64_t stride = 0;
  WHORL_DEVICE Global<T> row(int64_t i) const { return data + i * stride; }
  WHORL_DEVICE float at(int64_t i, int64_t j) const { return widen(data[i * stride + j]); }
};

// Rows of activations, float32 or bfloat16 as their tensor is: one of the two is there. All threads of a
// launch go the same way.
struct EitherRows {
  Global<const float> wide;
  Global<const uint16_t> narrow;
  int64_t stride = 0;
  WHORL_DEVICE float at(int64_t i, int64_t j) const {
    return narrow ? widen(narrow[i * stride + j]) : wide[i * stride + j];
  }
  // Of T, which is what they are.
  template <class T>
  WHORL_DEVICE Global<const T> row(int64_t i) const {
    if constexpr (sizeof(T) == sizeof(float))
      return wide + i * stride;
    else
      return narrow + i * stride;
  }
};

// The same to write to.
struct EitherOut {
  Global<float> wide;
  Global<uint16_t> narrow;
  int64_t stride = 0;
  WHORL_DEVICE bool there() const { return wide || narrow; }
  WHORL_DEVICE float at(int64_t i, int64_t j) const {
    return narrow ? widen(narrow[i * stride + j]) : wide[i * stride + j];
  }
  // As it would be there.
  WHORL_DEVICE float kept(float x) const { return narrow ? widen(to_bfloat16(x)) : x; }
  WHORL_DEVICE void put(int64_t i, int64_t j, float x) const {
    if (narrow)
      narrow[i * stride + j] = to_bfloat16(x);
    else
      wide[i * stride + j] = x;
  }
  WHORL_DEVICE void add(int64_t i, int64_t j, float x) const { put(i, j, at(i, j) + x); }
  template <class T>
  WHORL_DEVICE Global<T> row(int64_t i) const {
    if constexpr (sizeof(T) == sizeof(float))
      return wide + i * stride;
    else
      return narrow + i * stride;
  }
};

// Quantised matrices (packed.h), each element as the number it stands for.
struct Int8Rows {
  Global<const uint8_t> codes;
  Global<const uint16_t> scales;
  int64_t groups = 0;
  WHORL_DEVICE float at(int64_t i, int64_t j) const {
    const int64_t group = i * groups + j / 32;
    return half_bits_to_float(scales[group]) *
           static_cast<float>(static_cast<int8_t>(codes[group * 32 + j % 32]));
  }
};
struct Int4Rows {
  Global<const uint8_t> codes;
  Global<const uint16_t> scales, minima;  // minima may be null
  int64_t groups = 0;
  WHORL_DEVICE float at(int64_t i, int64_t j) const {
    const int64_t group = i * groups + j / 32, in = j % 32;
    const int byte = codes[group * 16 + in % 16];
    const int code = in < 16 ? byte & 15 : byte >> 4;
    const float scale = half_bits_to_float(scales[group]);
    // A product of a float16 and a nibble is exact, so one rounding is left however it is compiled.
    return minima ? scale * static_cast<float>(code) - half_bits_to_float(minima[group])
                  : scale * static_cast<float>(code - 8);
  }
};

// Sums and maxima over a warp: every lane gets the same bits, in one order.
template <class T>
WHORL_DEVICE T warp_sum(Grid& grid, T x) {
  for (int mask = 16; mask > 0; mask /= 2) x += grid.shuffle_xor(x, mask);
  return x;
}
WHORL_DEVICE float warp_max(Grid& grid, float x) {
  for (int mask = 16; mask > 0; mask /= 2) {
    const float other = grid.shuffle_xor(x, mask);
    x = other > x ? other : x;
  }
  return x;
}

// The sums of N numbers, each with the bits of warp_sum: lane i gets number i / (32 / N). With every step
// half of the numbers go to the lanes that will hold them, 31 shuffles for 32 numbers.
template <int N, int Mask = 16>
WHORL_DEVICE float warp_sums(Grid& grid, const float (&x)[N]) {
  if constexpr (N == 1) {
    float sum = x[0];
    for (int mask = Mask; mask > 0; mask /= 2) sum += grid.shuffle_xor(sum, mask);
    return sum;
  } else {
    const bool upper = grid.lane() & Mask;
    float half[N / 2];
    for (int i = 0; i < N / 2; ++i) {
      const float other = grid.shuffle_xor(upper ? x[i] : x[i + N / 2], Mask);
      half[i] = (upper ? x[i + N / 2] : x[i]) + other;
    }
    return warp_sums<N / 2, Mask / 2>(grid, half);
  }
}

// Over a block of `Warps` warps; `shared` has Warps elements and may be used again after the next sync.
template <int Warps, class T>
WHORL_DEVICE T block_sum(Grid& grid, T x, const Shared<T>& shared) {
  x = warp_sum(grid, x);
  if constexpr (Warps == 1) return x;
  if (grid.lane() == 0) shared[grid.warp()] = x;
  grid.sync();
  T sum = 0;
  for (int i = 0; i < Warps; ++i) sum += shared[i];
  return sum;
}
template <int Warps>
WHORL_DEVICE float block_max(Grid& grid, float x, const Shared<float>& shared) {
  x = warp_max(grid, x);
  if constexpr (Warps == 1) return x;
  if (grid.lane() == 0) shared[grid.warp()] = x;
  grid.sync();
  float most = shared[0];
  for (int i = 1; i < Warps; ++i) most = shared[i] > most ? static_cast<float>(shared[i]) : most;
  return most;
}

}  // namespace whorl::cuda
