#pragma once
// The tile instructions of AMX. Written as assembly: GCC 12's intrinsics name neither the memory a tile is
// loaded from nor all 64 bytes of a configuration, so the stores before them may be dropped; and a tile's
// number cannot be a template argument there. Compilers never use tiles by themselves.
#include "cpu/kernels/tiles.h"

namespace whorl::cpu::WHORL_ISA {

// All tiles become zero.
static inline void configure_tiles(const TileConfig& config) {
  __asm__ volatile("ldtilecfg %0" ::"m"(config) : "memory");
}
// Gives the registers back: a thread that holds none is switched without saving 8 KB of them.
static inline void release_tiles() { __asm__ volatile("tilerelease" ::: "memory"); }

// Row i from p + i * stride; strides in bytes.
template <int kTile>
static inline __attribute__((always_inline)) void load_tile(const void* p, int64_t stride) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
static inline __attribute__((always_inline)) void store_tile(void* p, int64_t stride) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
static inline __attribute__((always_inline)) void zero_tile() {
  __asm__ volatile("tilezero %%tmm%c0" ::"i"(kTile) : "memory");
}
// acc[m][n] += the products of bfloat16 pairs a[m][k] and b[k][n].
template <int kAcc, int kA, int kB>
static inline __attribute__((always_inline)) void dot_tiles() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kAcc), "i"(kA), "i"(kB) : "memory");
}
// The same for four bytes: a signed, b unsigned, sums of 32 bits.
template <int kAcc, int kA, int kB>
static inline __attribute__((always_inline)) void dot_byte_tiles() {
  __asm__ volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kAcc), "i"(kA), "i"(kB) : "memory");
}

}  // namespace whorl::cpu::WHORL_ISA
