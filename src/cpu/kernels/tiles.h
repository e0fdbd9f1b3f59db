#pragma once
// What a program says about its eight tiles before it may touch one: in palette 1 a tile is up to 16 rows of
// up to 64 bytes. The layout is the processor's. Included before tiles_amx.h or tiles_emulated.h, which offer
// the same names in the namespace of their instruction set.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

struct alignas(64) TileConfig {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];  // of tiles 0..7; the rest is zero
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64);

}  // namespace whorl::cpu::WHORL_ISA
