#include "cpu/features.h"

#include <cpuid.h>

#include <cstdint>

namespace whorl::cpu {

namespace {
// XCR0: which registers the operating system saves on a context switch.
uint64_t saved_state() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}
constexpr uint64_t kYmmState = 0x06, kZmmState = 0xe6;
}  // namespace

Features detect_features() {
  Features found;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return found;
  constexpr unsigned kFma = 1u << 12, kF16c = 1u << 29, kOsxsave = 1u << 27, kAvx = 1u << 28;
  if ((c & kOsxsave) == 0 || (c & kAvx) == 0) return found;
  const bool fma = (c & kFma) != 0 && (c & kF16c) != 0;
  const uint64_t saved = saved_state();
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  constexpr unsigned kAvx2 = 1u << 5, kFoundation = 1u << 16, kDq = 1u << 17, kBw = 1u << 30, kVl = 1u << 31;
  constexpr unsigned kAvx512 = kFoundation | kDq | kBw | kVl;
  found.avx2_fma = fma && (b & kAvx2) != 0 && (saved & kYmmState) == kYmmState;
  found.avx512 = found.avx2_fma && (b & kAvx512) == kAvx512 && (saved & kZmmState) == kZmmState;
  constexpr unsigned kVnni = 1u << 11;
  const bool vnni = (c & kVnni) != 0;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d)) return found;
  constexpr unsigned kBf16 = 1u << 5;
  found.avx512_bf16 = found.avx512 && vnni && (a & kBf16) != 0;
  return found;
}

}  // namespace whorl::cpu
