#pragma once
// A warp's products on tensor cores: which element lies in which lane is that of the PTX ISA. Of bfloat16
// (m16n8k16) a device adds in an order of its own, with more bits than float32; here it is double, rounded
// once. Of bytes (m16n8k32) sums are exact on both.
#include <cstdint>

#include "tensor/float8.h"
#include "tensor/tensor.h"

namespace whorl::cuda::emulated {

// Element `half` (0: the lower) of a word of two bfloat16 numbers.
inline double half_of(uint32_t word, int half) {
  return static_cast<double>(bf16_to_float(static_cast<uint16_t>(word >> (16 * half))));
}

// c += a b, those four elements of c that `lane` holds. words(l): the four words of a and two of b of lane l.
template <class Words>
void multiply_fragments(const Words& words, int lane, float (&c)[4]) {
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    double sum = static_cast<double>(c[i]);
    for (int k = 0; k < 16; ++k) {
      const uint32_t* const of_a = words(row % 8 * 4 + k % 8 / 2);
      const uint32_t* const of_b = words(column * 4 + k % 8 / 2);
      sum += half_of(of_a[row / 8 + k / 8 * 2], k % 2) * half_of(of_b[4 + k / 8], k % 2);
    }
    c[i] = static_cast<float>(sum);
  }
}

// The same of bytes, each the number that `number` makes of it; Wide holds the sum.
template <class Wide, class Words, class Number, class Sum>
void multiply_bytes(const Words& words, int lane, const Number& number, Sum (&c)[4]) {
  const auto at = [&](uint32_t word, int i) { return number(static_cast<uint8_t>(word >> (8 * i))); };
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    Wide sum = static_cast<Wide>(c[i]);
    for (int k = 0; k < 32; ++k) {
      const uint32_t* const of_a = words(row % 8 * 4 + k % 16 / 4);
      const uint32_t* const of_b = words(column * 4 + k % 16 / 4);
      sum += at(of_a[row / 8 + k / 16 * 2], k % 4) * at(of_b[4 + k / 16], k % 4);
    }
    c[i] = static_cast<Sum>(sum);
  }
}

template <class Words>
void multiply_fragments(const Words& words, int lane, int (&c)[4]) {
  multiply_bytes<int>(words, lane, [](uint8_t byte) { return int{static_cast<int8_t>(byte)}; }, c);
}

// E4M3; sums as those of bfloat16.
template <class Words>
void multiply_e4m3_fragments(const Words& words, int lane, float (&c)[4]) {
  multiply_bytes<double>(
      words, lane, [](uint8_t byte) { return static_cast<double>(e4m3_to_float(byte)); }, c);
}

}  // namespace whorl::cuda::emulated
