// The kernels of isa_amx.cc with tile instructions emulated, for tests on machines without them; the rest
// needs AVX512-BF16 as there.
#define WHORL_ISA amx_emulated
// clang-format off: each header builds on the names of those above it.
#include "cpu/kernels.h"
#include "cpu/kernels/vec_avx512.h"
#include "cpu/kernels/few_rows.h"
#include "cpu/kernels/pairs_avx512.h"
#include "cpu/kernels/bytes_vnni.h"
#include "cpu/kernels/math.h"
#include "cpu/kernels/pack_tile.h"
#include "cpu/kernels/micro.h"
#include "cpu/kernels/bfloat16_dot.h"
#include "cpu/kernels/gemm.h"
#include "cpu/kernels/one_panel.h"
#include "cpu/kernels/over_rows.h"
#include "cpu/kernels/tiles_emulated.h"
#include "cpu/kernels/gemm_tiles.h"
#include "cpu/kernels/turned.h"
#include "cpu/kernels/quantised.h"
#include "cpu/kernels/quantised_tiles.h"
#include "cpu/kernels/rows.h"
#include "cpu/kernels/attention_gradient.h"
#include "cpu/kernels/attention_unrounded.h"
#include "cpu/kernels/table_tiles.h"
// clang-format on

namespace whorl::cpu {
const Kernels* amx_emulated_kernels() {
  static constexpr Kernels table = amx_emulated::make_tile_table("amx_emulated");
  return &table;
}
}  // namespace whorl::cpu
