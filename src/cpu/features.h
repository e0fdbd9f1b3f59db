#pragma once
// What this machine's processor and operating system let a program use, by feature bits, never by model.
#include <string>

namespace whorl::cpu {

struct Features {
  bool avx2_fma = false;     // AVX2, FMA and F16C, registers saved by the system
  bool avx_vnni = false;     // these, and products of bytes in their registers
  bool avx512 = false;       // AVX2, and AVX-512 F, BW, DQ, VL, registers saved by the system
  bool avx512_vnni = false;  // these, and products of bytes
  bool avx512_bf16 = false;  // all of these, and products of bfloat16 pairs
  bool amx_tile = false, amx_bf16 = false, amx_int8 = false;  // what the processor says
  bool amx_saved = false;                                     // the system saves tiles on a context switch
  bool amx_allowed = false;  // it lets this process use them: asked once, before anybody touches one

  // Processors with tiles multiply pairs of bfloat16 outside of them at 0.57 of the rate of float32, an EPYC
  // without tiles multiplies them faster than float32: measured, see benchmarks/README.md.
  bool slow_pairs() const { return amx_tile; }
  bool amx() const { return avx512_bf16 && amx_tile && amx_bf16 && amx_int8 && amx_saved && amx_allowed; }
};

// The same for the life of the process.
const Features& detect_features();

// What keeps this machine from using tiles, in words; empty where nothing does.
std::string what_amx_lacks(const Features& features);

}  // namespace whorl::cpu
