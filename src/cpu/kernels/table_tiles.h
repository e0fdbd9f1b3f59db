#pragma once
// Included last by instruction sets that have tiles: the table of table.h, products with weights replaced.
#include "cpu/kernels/table.h"

namespace whorl::cpu::WHORL_ISA {

static constexpr Kernels make_tile_table(const char* name) {
  Kernels table = make_table(name);
  table.gemm = gemm_tiles, table.products_at_once = 1, table.most_behind = 1;
  table.packs_apart = 1, table.pack_rows = nullptr;
  table.gemm_quantised = gemm_quantised_tiles;
  table.round_rows = round_rows_tiles;
  return table;
}

}  // namespace whorl::cpu::WHORL_ISA
