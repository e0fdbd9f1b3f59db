#include "cpu/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <mutex>
#include <new>

namespace whorl::cpu {

namespace {
constexpr size_t kPage = 4 << 10, kHugePage = 2 << 20, kLine = 64;
constexpr size_t kChunk = 64 << 20;  // of address space, shared by blocks
constexpr size_t kOwn = 16 << 20;    // a block from here on is mapped alone
constexpr size_t kSmall = 16 << 10;  // a block below comes from the heap

size_t up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

std::shared_ptr<void> map_huge(size_t bytes) {
  const size_t size = up(bytes, kHugePage), mapped = size + kHugePage;
  void* base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  void* aligned = reinterpret_cast<void*>(up(reinterpret_cast<uintptr_t>(base), kHugePage));
  madvise(aligned, size, MADV_HUGEPAGE);  // a wish: without it the block is merely slower
  return {aligned, [base, mapped](void*) { munmap(base, mapped); }};
}

// Blocks one behind the other. None takes the place of an earlier one, whose rest is not zero: a chunk whose
// blocks are all gone is unmapped, and until then what they held is not resident.
class Chunks {
 public:
  std::shared_ptr<void> take(size_t bytes) {
    const size_t size = up(bytes, kLine);
    const std::lock_guard lock(mutex_);
    if (!chunk_ || used_ + size > kChunk) chunk_ = map_huge(kChunk), used_ = 0;
    char* const block = static_cast<char*>(chunk_.get()) + used_;
    used_ += size;
    return {block, [chunk = chunk_, size](void* begin) { give_back(begin, size); }};
  }

 private:
  static void give_back(void* begin, size_t size) {
    const auto first = up(reinterpret_cast<uintptr_t>(begin), kPage);
    const auto last = (reinterpret_cast<uintptr_t>(begin) + size) / kPage * kPage;
    if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }

  std::mutex mutex_;
  std::shared_ptr<void> chunk_;
  size_t used_ = 0;
};
}  // namespace

std::shared_ptr<void> allocate_zeroed(size_t bytes) {
  static Chunks* const chunks = new Chunks;  // never destroyed: blocks may outlive what is static
  if (bytes >= kOwn) return map_huge(bytes);
  if (bytes >= kSmall) return chunks->take(bytes);
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
