#pragma once
// Which inputs of a segment survive dropout: one rule for every backend, so that forward, backward and
// devices agree without a stored mask.
#include <cstdint>

#include "base/random.h"

namespace whorl::ops {

struct DropoutRow {
  uint64_t key;
  uint32_t threshold;

  // `row` counts from the segment's begin, or from that of the longer one that it is a part of.
  constexpr DropoutRow(uint64_t seed, int64_t row, float probability)
      : key(base::derive(seed, static_cast<uint64_t>(row))),
        threshold(static_cast<uint32_t>(static_cast<double>(probability) * 0x1.0p32)) {}

  // One 64-bit draw decides two neighbouring columns: the low half the even one.
  constexpr uint64_t draw(int64_t pair) const { return base::random_bits(key, static_cast<uint64_t>(pair)); }
  constexpr bool keeps_even(uint64_t bits) const { return static_cast<uint32_t>(bits) >= threshold; }
  constexpr bool keeps_odd(uint64_t bits) const { return static_cast<uint32_t>(bits >> 32) >= threshold; }
  constexpr bool keeps(int64_t column) const {
    const uint64_t bits = draw(column / 2);
    return column % 2 ? keeps_odd(bits) : keeps_even(bits);
  }
};

}  // namespace whorl::ops
