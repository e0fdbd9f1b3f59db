#pragma once
// Where the compiler's code stands: AVX-512 has registers to spare, generic code knows no instructions.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

constexpr int kPairRows = 1 << 20;     // never: add_pairs() is not there
constexpr int64_t kTilesInBlocks = 3;  // from so many tiles of rows on a panel is walked block by block,
constexpr int64_t kTilesWidened = 3;   // each widened once for all of them

template <int R>
static void add_pairs(Vec (&acc)[R][1], const float* a, const uint32_t* w, int64_t words);

}  // namespace whorl::cpu::WHORL_ISA
