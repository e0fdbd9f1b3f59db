#pragma once
// The names of tiles_amx.h without the instructions: what Intel's manual says they do, in its order of
// roundings, and an abort with a sentence where the processor would raise an exception.
#include <xmmintrin.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "cpu/kernels/tiles.h"

namespace whorl::cpu::WHORL_ISA {

struct EmulatedTiles {
  bool configured;
  TileConfig config;
  uint32_t data[8][16][16];
};
static thread_local EmulatedTiles emulated_tiles;

static inline void expect_tiles(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "[amx_emulated] expected %s\n", what);
  std::abort();
}

static inline void configure_tiles(const TileConfig& config) {
  expect_tiles(reinterpret_cast<uintptr_t>(&config) % 64 == 0, "a configuration on a border of 64 bytes");
  expect_tiles(config.palette == 1 && config.start_row == 0, "palette 1 and start row 0");
  for (const uint8_t byte : config.reserved) expect_tiles(byte == 0, "reserved bytes of zero");
  for (int i = 0; i < 16; ++i) {
    expect_tiles(i < 8 || (config.rows[i] == 0 && config.row_bytes[i] == 0), "eight tiles at most");
    expect_tiles(config.rows[i] <= 16 && config.row_bytes[i] <= 64, "at most 16 rows of 64 bytes");
    expect_tiles((config.rows[i] == 0) == (config.row_bytes[i] == 0), "rows and bytes, or neither");
  }
  emulated_tiles = EmulatedTiles{true, config, {}};
}
static inline void release_tiles() { emulated_tiles = EmulatedTiles{}; }
static inline bool tiles_in_use() { return emulated_tiles.configured; }

static inline void expect_tile(int tile) {
  expect_tiles(emulated_tiles.configured, "a configuration before the first tile");
  expect_tiles(emulated_tiles.config.rows[tile] > 0, "a tile that has rows");
}

// By number, for who knows it at run time only; the names of tiles_amx.h are at the end.
static inline void emulate_load(int tile, const void* p, int64_t stride) {
  expect_tile(tile);
  EmulatedTiles& t = emulated_tiles;
  __builtin_memset(t.data[tile], 0, sizeof t.data[tile]);
  for (int r = 0; r < t.config.rows[tile]; ++r)
    __builtin_memcpy(t.data[tile][r], static_cast<const uint8_t*>(p) + r * stride, t.config.row_bytes[tile]);
}
static inline void emulate_store(int tile, void* p, int64_t stride) {
  expect_tile(tile);
  const EmulatedTiles& t = emulated_tiles;
  for (int r = 0; r < t.config.rows[tile]; ++r)
    __builtin_memcpy(static_cast<uint8_t*>(p) + r * stride, t.data[tile][r], t.config.row_bytes[tile]);
}
static inline void emulate_zero(int tile) {
  expect_tile(tile);
  __builtin_memset(emulated_tiles.data[tile], 0, sizeof emulated_tiles.data[tile]);
}

static inline void expect_product(int acc, int a, int b) {
  expect_tile(acc), expect_tile(a), expect_tile(b);
  expect_tiles(acc != a && acc != b && a != b, "three different tiles");
  const TileConfig& c = emulated_tiles.config;
  expect_tiles(c.rows[acc] == c.rows[a], "as many rows of sums as of a");
  expect_tiles(c.row_bytes[acc] == c.row_bytes[b], "as many columns of sums as of b");
  expect_tiles(c.row_bytes[acc] % 4 == 0 && c.row_bytes[a] % 4 == 0, "whole words in a row");
  expect_tiles(c.row_bytes[a] / 4 == c.rows[b], "as many words in a row of a as b has rows");
}

static inline float first_of_pair(uint32_t word) { return __builtin_bit_cast(float, word << 16); }
static inline float second_of_pair(uint32_t word) { return __builtin_bit_cast(float, word & 0xffff0000u); }

// One row: first and second numbers of the pairs are summed apart, from zero, by fused multiply-adds over k;
// both are added, and that to what was there. Not inlined, so that nothing of it leaves the rounding mode.
static __attribute__((noinline)) void dot_pairs_of_row(const uint32_t (&a)[16], const uint32_t (&b)[16][16],
                                                       int words, uint32_t (&sums)[16]) {
  float first[16] = {}, second[16] = {}, acc[16];
  __builtin_memcpy(acc, sums, sizeof acc);
  for (int k = 0; k < words; ++k) {
    const float x = first_of_pair(a[k]), y = second_of_pair(a[k]);
    for (int n = 0; n < 16; ++n) {
      first[n] = __builtin_fmaf(x, first_of_pair(b[k][n]), first[n]);
      second[n] = __builtin_fmaf(y, second_of_pair(b[k][n]), second[n]);
    }
  }
  for (int n = 0; n < 16; ++n) acc[n] += first[n] + second[n];
  __builtin_memcpy(sums, acc, sizeof acc);
}

static inline void emulate_dot(int acc, int a, int b) {
  expect_product(acc, a, b);
  EmulatedTiles& t = emulated_tiles;
  const unsigned before = _mm_getcsr();
  _mm_setcsr(0x9fc0);  // no exceptions, to nearest, subnormal numbers count as zero and become zero
  for (int m = 0; m < t.config.rows[acc]; ++m)
    dot_pairs_of_row(t.data[a][m], t.data[b], t.config.rows[b], t.data[acc][m]);
  _mm_setcsr(before);
}

// The four products of a word; a is signed, w is not.
static inline uint32_t dot_of_word(uint32_t a, uint32_t w, uint32_t sum) {
  for (int i = 0; i < 32; i += 8)
    sum += static_cast<uint32_t>(static_cast<int8_t>(a >> i) * static_cast<int32_t>(w >> i & 255));
  return sum;
}

static inline void emulate_byte_dot(int acc, int a, int b) {
  expect_product(acc, a, b);
  EmulatedTiles& t = emulated_tiles;
  for (int m = 0; m < t.config.rows[acc]; ++m)
    for (int k = 0; k < t.config.rows[b]; ++k)
      for (int n = 0; n < 16; ++n)
        t.data[acc][m][n] = dot_of_word(t.data[a][m][k], t.data[b][k][n], t.data[acc][m][n]);
}

template <int kTile>
static inline void load_tile(const void* p, int64_t stride) {
  emulate_load(kTile, p, stride);
}
template <int kTile>
static inline void store_tile(void* p, int64_t stride) {
  emulate_store(kTile, p, stride);
}
template <int kTile>
static inline void zero_tile() {
  emulate_zero(kTile);
}
template <int kAcc, int kA, int kB>
static inline void dot_tiles() {
  emulate_dot(kAcc, kA, kB);
}
template <int kAcc, int kA, int kB>
static inline void dot_byte_tiles() {
  emulate_byte_dot(kAcc, kA, kB);
}

}  // namespace whorl::cpu::WHORL_ISA
