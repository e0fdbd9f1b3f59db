#include "cpu/features.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace whorl::cpu {

namespace {
// XCR0: which registers the operating system saves on a context switch.
uint64_t saved_state() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}
constexpr uint64_t kYmmState = 0x06, kZmmState = 0xe6, kTileState = 0x60000;

// Linux gives tiles, whose state is large, only to a process that asks; the answer holds for all its threads.
// It refuses where a thread's signal stack could not hold the state, and kernels before 5.16 know no asking.
bool ask_for_tiles() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

void detect_tiles(unsigned bits, uint64_t saved, Features& found) {
  found.amx_bf16 = (bits & 1u << 22) != 0;
  found.amx_tile = (bits & 1u << 24) != 0;
  found.amx_int8 = (bits & 1u << 25) != 0;
  found.amx_saved = found.amx_tile && (saved & kTileState) == kTileState;
}

Features detect() {
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
  found.avx512_vnni = found.avx512 && (c & kVnni) != 0;
  detect_tiles(d, saved, found);
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d)) return found;
  constexpr unsigned kAvxVnni = 1u << 4, kBf16 = 1u << 5;
  found.avx_vnni = found.avx2_fma && (a & kAvxVnni) != 0;
  found.avx512_bf16 = found.avx512_vnni && (a & kBf16) != 0;
  found.amx_allowed = found.avx512_bf16 && found.amx_saved && ask_for_tiles();
  return found;
}
}  // namespace

const Features& detect_features() {
  static const Features features = detect();
  return features;
}

std::string what_amx_lacks(const Features& f) {
  if (!f.amx_tile || !f.amx_bf16 || !f.amx_int8) return "the processor lacks amx_tile, amx_bf16 or amx_int8";
  if (!f.avx512_bf16) return "the processor lacks AVX512-BF16 or AVX512-VNNI, which its other kernels need";
  if (!f.amx_saved) return "the operating system does not save tiles";
  if (!f.amx_allowed) return "the operating system refused this process the use of tiles";
  return "";
}

}  // namespace whorl::cpu
