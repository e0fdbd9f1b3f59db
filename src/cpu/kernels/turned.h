#pragma once
// The transpose of weights, a panel at a time: what gradients multiply by where no second layout is kept.
#include <cstdint>

#include "cpu/kernels.h"

namespace whorl::cpu::WHORL_ISA {

// Sixteen outputs from `output` on, of `columns`, to their place in a panel; write(to) writes all sixteen, as
// words of kGroupOf outputs. Those past the last have no place.
template <int64_t kGroupOf, class Write>
static inline __attribute__((always_inline)) void place_outputs(int64_t output, int64_t columns, float* panel,
                                                                Write write) {
  float* const to = panel + output / kGroupOf * kPanel;
  const int64_t left = columns - output;
  if (left >= kPanel) return write(to);
  float last[16 * kPanel];
  write(last);
  for (int64_t i = 0; i < (left + kGroupOf - 1) / kGroupOf * kPanel; ++i) to[i] = last[i];
}

// Sixteen numbers of sixteen columns in float32; inputs past the last are zero.
static inline void turn_floats(const float* from, int64_t inputs, float* to) {
  Vec square[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) square[i] = i < inputs ? load(from + i * kPanel) : zero();
  transpose(square);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) store(to + i * kLanes, square[i]);
}

static void turn_panel(const PanelTurn& t) {
  const int64_t left = t.k - t.panel * kPanel, inputs = left < kPanel ? left : kPanel;
  const int64_t words = t.bf16 ? (t.k + 1) / 2 : t.k,
                first = t.bf16 ? t.panel * kPanel / 2 : t.panel * kPanel;
  const float* from = static_cast<const float*>(t.w) + first * kPanel;  // a float and a word: four bytes
  for (int64_t output = 0; output < t.columns; output += kPanel, from += words * kPanel)
    if (t.bf16)
      place_outputs<Bfloat16::kGroup>(output, t.columns, t.to,
                                      [&](float* to) { Bfloat16::turn(from, (inputs + 1) / 2, to); });
    else
      place_outputs<1>(output, t.columns, t.to, [&](float* to) { turn_floats(from, inputs, to); });
}

}  // namespace whorl::cpu::WHORL_ISA
