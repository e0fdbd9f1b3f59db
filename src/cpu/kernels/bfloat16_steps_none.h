#pragma once
// Where bfloat16_steps_avx2.h is not wanted: the compiler's code is good with many registers.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

constexpr int kPairRows = 1 << 20;     // never: add_pairs() is not there
constexpr int64_t kTilesInBlocks = 3;  // from so many tiles of rows on a panel is walked block by block,
constexpr int64_t kTilesWidened = 3;   // each widened once for all of them

template <int R>
static void add_pairs(Vec (&acc)[R][1], const float* a, const uint32_t* w, int64_t words);

}  // namespace whorl::cpu::WHORL_ISA
