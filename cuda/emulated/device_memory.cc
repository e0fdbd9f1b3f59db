#include "cuda/emulated/device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "cuda/runtime.h"

namespace whorl::cuda::emulated {

namespace {
constexpr size_t kReserved = size_t{64} << 30;  // addresses, not memory
constexpr size_t kGap = 4096;                   // between allocations: who runs over an end lands in none

struct Arena {
  std::mutex mutex;
  std::map<uintptr_t, size_t> used;
  uintptr_t base = 0;
  size_t held = 0, peak = 0;

  Arena() {
    void* const memory =
        mmap(nullptr, 2 * kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) base::failed("[emulation] no address space for the device's memory");
    base = reinterpret_cast<uintptr_t>(memory);
    real_offset = static_cast<intptr_t>(kReserved);
    if (mprotect(reinterpret_cast<void*>(base + kReserved), kReserved, PROT_READ | PROT_WRITE) != 0)
      base::failed("[emulation] the device's memory cannot be opened");
  }
  // The first gap that is large enough.
  uintptr_t place(size_t bytes) const {
    uintptr_t at = base + kGap;
    for (const auto& [begin, size] : used) {
      if (at + bytes + kGap <= begin) break;
      at = (begin + size + kGap + 4095) / 4096 * 4096;
    }
    return at;
  }
};

Arena& arena() {
  static Arena one;
  return one;
}
}  // namespace

size_t memory_size() {
  const char* const given = std::getenv("WHORL_EMULATED_MEMORY");
  return given ? std::strtoull(given, nullptr, 10) : size_t{16} << 30;
}

size_t memory_available() {
  Arena& a = arena();
  std::lock_guard lock(a.mutex);
  return memory_size() > a.held ? memory_size() - a.held : 0;
}

size_t memory_peak() {
  Arena& a = arena();
  std::lock_guard lock(a.mutex);
  return std::exchange(a.peak, a.held);
}

void* allocate(size_t bytes) {
  Arena& a = arena();
  std::lock_guard lock(a.mutex);
  if (a.held + bytes > memory_size())
    refuse_memory("the emulated device", bytes, memory_size() > a.held ? memory_size() - a.held : 0,
                  memory_size());
  const uintptr_t at = a.place(bytes);
  a.used.emplace(at, bytes);
  a.held += bytes;
  a.peak = std::max(a.peak, a.held);
  void* const memory = reinterpret_cast<void*>(at);
  std::memset(real(memory), 0xff, bytes);
  return memory;
}

void release(void* memory) {
  Arena& a = arena();
  std::lock_guard lock(a.mutex);
  const auto found = a.used.find(reinterpret_cast<uintptr_t>(memory));
  if (found == a.used.end()) return;
  a.held -= found->second;
  if (found->second > 1 << 20) madvise(real(memory), (found->second + 4095) / 4096 * 4096, MADV_DONTNEED);
  a.used.erase(found);
}

void find_allocation(uintptr_t at, size_t bytes, uintptr_t& begin, uintptr_t& end) {
  Arena& a = arena();
  std::lock_guard lock(a.mutex);
  auto found = a.used.upper_bound(at);
  if (found == a.used.begin()) base::failed("address outside the device's memory");
  --found;
  begin = found->first, end = found->first + found->second;
  if (at < begin || at + bytes > end)
    base::failed("global memory: byte ", static_cast<int64_t>(at - begin), " of an allocation of ",
                 found->second, " bytes");
}

void misaligned(uintptr_t byte, size_t alignment) {
  base::failed("global memory: byte ", byte, " of an allocation where a multiple of ", alignment,
               " is expected");
}

}  // namespace whorl::cuda::emulated
