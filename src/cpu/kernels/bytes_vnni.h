#pragma once
// Sums of products of bytes (AVX512-VNNI), and what else quantised weights need. Whole numbers, sixteen of 32
// bits, are carried in a Vec.
#include "cpu/kernels/bytes_avx512_common.h"

namespace whorl::cpu::WHORL_ISA {

// acc + the four products of unsigned w and signed x in every lane.
static inline Vec dot_bytes(Vec acc, Vec w, Vec x) {
  return _mm512_castsi512_ps(
      _mm512_dpbusd_epi32(_mm512_castps_si512(acc), _mm512_castps_si512(w), _mm512_castps_si512(x)));
}

}  // namespace whorl::cpu::WHORL_ISA
