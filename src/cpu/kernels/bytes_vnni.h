#pragma once
// Sums of products of bytes (AVX512-VNNI), and what else quantised weights need. A panel's sixteen columns
// are kParts parts; sums are exact whole numbers whatever a part holds them in, so totals are the same
// everywhere.
#include "cpu/kernels/bytes_avx512_common.h"

namespace whorl::cpu::WHORL_ISA {

constexpr bool kShifted8 = true;  // totals8 has 128 times the sum of x in it: codes are taken as stored

using Codes8 = Part;
static inline Codes8 codes8(Part stored) { return stored; }
// sum + the four products of a code and signed x in every lane; of a group's eight words at most.
static inline Part dot8(Part sum, Codes8 w, Part x) { return _mm512_dpbusd_epi32(sum, w, x); }
static inline Part dot4(Part sum, Part w, Part x) { return _mm512_dpbusd_epi32(sum, w, x); }
static inline Vec totals8(Part sum) { return _mm512_cvtepi32_ps(sum); }
static inline Vec totals4(Part sum) { return _mm512_cvtepi32_ps(sum); }

}  // namespace whorl::cpu::WHORL_ISA
