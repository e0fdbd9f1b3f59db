// Compiled with the flags of this instruction set (see CMakeLists.txt); called only where the machine has it.
#define WHORL_ISA avx512
// clang-format off: each header builds on the names of those above it.
#include "cpu/kernels.h"
#include "cpu/kernels/vec_avx512.h"
#include "cpu/kernels/few_rows.h"
#include "cpu/kernels/bytes_avx512.h"
#include "cpu/kernels/math.h"
#include "cpu/kernels/pack_tile.h"
#include "cpu/kernels/micro.h"
#include "cpu/kernels/bfloat16_steps_none.h"
#include "cpu/kernels/bfloat16_widened.h"
#include "cpu/kernels/gemm.h"
#include "cpu/kernels/one_panel.h"
#include "cpu/kernels/over_rows.h"
#include "cpu/kernels/turned.h"
#include "cpu/kernels/quantised.h"
#include "cpu/kernels/rows.h"
#include "cpu/kernels/attention_gradient.h"
#include "cpu/kernels/attention_unrounded.h"
#include "cpu/kernels/table.h"
// clang-format on

namespace whorl::cpu {
const Kernels* avx512_kernels() {
  static constexpr Kernels table = avx512::make_table("avx512");
  return &table;
}
}  // namespace whorl::cpu
