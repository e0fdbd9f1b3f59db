#pragma once
// bytes_vnni.h in registers of eight columns (AVX-VNNI).
#include "cpu/kernels/bytes_avx2_common.h"

namespace whorl::cpu::WHORL_ISA {

constexpr bool kShifted8 = true;

using Codes8 = Part;
static inline Codes8 codes8(Part stored) { return stored; }
static inline Part dot8(Part sum, Codes8 w, Part x) { return _mm256_dpbusd_avx_epi32(sum, w, x); }
static inline Part dot4(Part sum, Part w, Part x) { return _mm256_dpbusd_avx_epi32(sum, w, x); }
static inline Vec totals8(Part a, Part b) { return {_mm256_cvtepi32_ps(a), _mm256_cvtepi32_ps(b)}; }
static inline Vec totals4(Part a, Part b) { return totals8(a, b); }

}  // namespace whorl::cpu::WHORL_ISA
