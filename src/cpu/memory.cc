#include "cpu/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace whorl::cpu {

namespace {
constexpr size_t kHugePage = 2 << 20;

std::shared_ptr<void> map_huge(size_t bytes) {
  const size_t size = (bytes + kHugePage - 1) / kHugePage * kHugePage, mapped = size + kHugePage;
  void* base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  const auto start = reinterpret_cast<uintptr_t>(base);
  void* aligned = reinterpret_cast<void*>((start + kHugePage - 1) / kHugePage * kHugePage);
  madvise(aligned, size, MADV_HUGEPAGE);  // a wish: without it the block is merely slower
  return {aligned, [base, mapped](void*) { munmap(base, mapped); }};
}
}  // namespace

std::shared_ptr<void> allocate_zeroed(size_t bytes) {
  if (bytes >= 2 * kHugePage) return map_huge(bytes);
  const Tensor small = Tensor::zeros(DType::uint8, {static_cast<int64_t>(bytes)});
  return {small.raw(), [small](void*) {}};
}

Tensor zeroed_tensor(DType dtype, Shape shape) {
  Tensor::view(dtype, shape, nullptr, nullptr);  // refuses sizes that overflow
  size_t bytes = size_of(dtype);
  for (int64_t d : shape) bytes *= static_cast<size_t>(d);
  auto memory = allocate_zeroed(bytes);
  void* data = memory.get();
  return Tensor::view(dtype, std::move(shape), data, std::move(memory));
}

}  // namespace whorl::cpu
