#pragma once
// Rows of a checkpoint become columns of a panel: words of four bytes (a float32, a pair of bfloat16, four
// int8 codes, eight int4 codes) change places, sixteen rows at a time.
#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"

namespace whorl::cpu {

using Words = uint32_t __attribute__((vector_size(16)));

// Four rows of four words, turned.
inline void turn(Words (&x)[4]) {
  const Words a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
  const Words b = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
  const Words c = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
  const Words d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  x[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5), x[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  x[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5), x[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

// Word w of row r, at rows + r * stride + 4 w bytes, goes to panel[16 w + r]; words [begin, end) of all rows.
inline void interleave(const uint8_t* rows, int64_t stride, int64_t begin, int64_t end, uint8_t* panel) {
  constexpr int64_t kWord = 4, kLine = kPanel * kWord;
  int64_t w = begin;
  // Sixteen rows are more places at once than a processor follows by itself.
  constexpr int64_t kAhead = 512;  // bytes
  for (int64_t row = 0; row < kPanel; ++row) __builtin_prefetch(rows + row * stride + begin * kWord + kAhead);
  for (; w + 4 <= end; w += 4)
    for (int64_t row = 0; row < kPanel; row += 4) {
      Words x[4];
      for (int64_t i = 0; i < 4; ++i) std::memcpy(x + i, rows + (row + i) * stride + w * kWord, sizeof x[i]);
      turn(x);
      for (int64_t i = 0; i < 4; ++i) std::memcpy(panel + (w + i) * kLine + row * kWord, x + i, sizeof x[i]);
    }
  for (; w < end; ++w)
    for (int64_t row = 0; row < kPanel; ++row)
      std::memcpy(panel + w * kLine + row * kWord, rows + row * stride + w * kWord, kWord);
}

// The way back, all words of all rows.
inline void separate(const uint8_t* panel, int64_t words, uint8_t* rows, int64_t stride) {
  constexpr int64_t kWord = 4, kLine = kPanel * kWord;
  int64_t w = 0;
  for (; w + 4 <= words; w += 4)
    for (int64_t row = 0; row < kPanel; row += 4) {
      Words x[4];
      for (int64_t i = 0; i < 4; ++i) std::memcpy(x + i, panel + (w + i) * kLine + row * kWord, sizeof x[i]);
      turn(x);
      for (int64_t i = 0; i < 4; ++i) std::memcpy(rows + (row + i) * stride + w * kWord, x + i, sizeof x[i]);
    }
  for (; w < words; ++w)
    for (int64_t row = 0; row < kPanel; ++row)
      std::memcpy(rows + row * stride + w * kWord, panel + w * kLine + row * kWord, kWord);
}

}  // namespace whorl::cpu
