#pragma once
// Which inputs of a segment survive dropout: one rule for every backend, so that forward, backward and
// devices agree without a stored mask.
#include <cstdint>

#include "base/random.h"

namespace whorl::ops {

struct DropoutRow {
  uint64_t key;
  uint32_t threshold;

  // `row` counts from the segment's begin.
  DropoutRow(uint64_t seed, int64_t row, float probability)
      : key(base::derive(seed, static_cast<uint64_t>(row))),
        threshold(static_cast<uint32_t>(static_cast<double>(probability) * 0x1.0p32)) {}

  // One 64-bit draw decides two neighbouring columns.
  bool keeps(int64_t column) const {
    const uint64_t bits = base::random_bits(key, static_cast<uint64_t>(column) / 2);
    return static_cast<uint32_t>(column % 2 ? bits >> 32 : bits) >= threshold;
  }
};

}  // namespace whorl::ops
