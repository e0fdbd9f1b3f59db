#pragma once
// The memory of the emulated device. Its addresses are real but closed: host code that follows a device's
// pointer stops there, as it would with a GPU. Kernels (Global) and copies reach the bytes through real().
#include <cstddef>
#include <cstdint>

namespace whorl::cuda::emulated {

// 0xff in every byte, as a reminder that fresh memory holds nothing. DeviceMemoryError when it is full.
void* allocate(size_t bytes);
void release(void* memory);

// Bytes that it has, WHORL_EMULATED_MEMORY or 16 GiB, and of these the free ones.
size_t memory_size();
size_t memory_available();
// The most that was taken at once since this was last asked.
size_t memory_peak();

// The allocation that holds [at, at + bytes), as a range of addresses. Throws where none does.
void find_allocation(uintptr_t at, size_t bytes, uintptr_t& begin, uintptr_t& end);
// Where the bytes of an address of the device are.
inline intptr_t real_offset = 0;
template <class T>
T* real(T* device) {
  return reinterpret_cast<T*>(reinterpret_cast<intptr_t>(device) + real_offset);
}

// A device reads numbers at multiples of their size alone.
[[noreturn]] void misaligned(uintptr_t byte, size_t alignment);

}  // namespace whorl::cuda::emulated
