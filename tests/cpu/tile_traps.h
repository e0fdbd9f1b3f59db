#pragma once
// Runs the machine code of tile instructions where the processor has none: each one that raises "illegal
// instruction" is decoded and done by the emulation. What is tested then is the code as it will run, its
// operands, strides and the bytes of its configuration.
#include <cstdint>

namespace whorl::cpu {

class TileTraps {
 public:
  TileTraps();   // until it is destroyed, on every thread
  ~TileTraps();  // one at a time
  TileTraps(const TileTraps&) = delete;
  TileTraps& operator=(const TileTraps&) = delete;

  // Instructions done since it was made; and whether this thread has tiles configured.
  int64_t done() const;
  bool in_use() const;
};

}  // namespace whorl::cpu
