#pragma once
// What this machine's processor and operating system let a program use, by feature bits, never by model.
namespace whorl::cpu {

struct Features {
  bool avx2_fma = false;     // AVX2, FMA and F16C, registers saved by the system
  bool avx512 = false;       // AVX-512 F, BW, DQ, VL, registers saved by the system
  bool avx512_bf16 = false;  // these, products of bfloat16 pairs, and of bytes (VNNI)
};

Features detect_features();

}  // namespace whorl::cpu
