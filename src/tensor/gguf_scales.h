#pragma once
// How a Q4_K block packs the scales and minima of its eight groups.
#include <cstdint>

namespace whorl::tensor {

// Scale and minimum of the eighth `j`: six bits each. The first four lie in the low bits of bytes j and j +
// 4; of the others the low four bits share byte j + 4 and the high two top up the bytes of the first four.
inline void scale_and_minimum(const uint8_t* s, int j, int& scale, int& minimum) {
  if (j < 4) {
    scale = s[j] & 63, minimum = s[j + 4] & 63;
  } else {
    scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    minimum = (s[j + 4] >> 4) | (s[j] >> 6) << 4;
  }
}

}  // namespace whorl::tensor
