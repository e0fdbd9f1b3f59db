#pragma once
// The vocabulary of kernels.h on the host: the threads of a block are fibers that run until they meet, and
// every word checks what a device would let pass: shared memory beyond its end, read before it was written or
// while another thread writes it, threads that meet in different places, global memory that is not the
// device's.
#include <math.h>

#include <cstdint>
#include <source_location>
#include <type_traits>

#include "cuda/emulated/block.h"
#include "cuda/emulated/device_memory.h"
#include "cuda/emulated/mma.h"
#include "tensor/tensor.h"

#define WHORL_DEVICE inline
#define WHORL_UNROLL

namespace whorl::cuda {

// Memory of the device: whoever touches it from a kernel must stay within one allocation.
template <class T>
class Global {
 public:
  Global() = default;
  explicit Global(T* data) : data_(data) {}
  template <class U>
  Global(const Global<U>& other) : data_(other.raw()) {}
  T* raw() const { return data_; }
  explicit operator bool() const { return data_ != nullptr; }
  Global operator+(int64_t n) const { return Global(data_ + n); }
  T& operator[](int64_t i) const {
    const auto at = reinterpret_cast<uintptr_t>(data_ + i);
    if (at < begin_ || at + sizeof(T) > end_) emulated::find_allocation(at, sizeof(T), begin_, end_);
    if (at % alignof(T) != 0) emulated::misaligned(at - begin_, alignof(T));
    return *emulated::real(data_ + i);
  }

 private:
  T* data_ = nullptr;
  mutable uintptr_t begin_ = 0, end_ = 0;  // the allocation that was last touched
};

template <class T>
class Shared {
 public:
  Shared(emulated::Block* block, int64_t offset, int64_t size)
      : block_(block), offset_(offset), size_(size) {}

  // Stands for one element, so that reading and writing can be told apart.
  class Element {
   public:
    Element(const Shared& memory, int64_t i) : memory_(memory), i_(i) {}
    operator T() const { return *static_cast<T*>(memory_.touch(i_, false)); }
    void operator=(T value) const { *static_cast<T*>(memory_.touch(i_, true)) = value; }
    void operator=(const Element& other) const { *this = static_cast<T>(other); }
    void operator+=(T value) const { *this = static_cast<T>(*this) + value; }

   private:
    const Shared& memory_;
    int64_t i_;
  };
  Element operator[](int64_t i) const { return Element(*this, i); }
  Shared operator+(int64_t n) const {
    return Shared(block_, offset_ + n * static_cast<int64_t>(sizeof(T)), size_ - n);
  }

 private:
  void* touch(int64_t i, bool write) const {
    return block_->touch(offset_ + i * static_cast<int64_t>(sizeof(T)), i, size_, sizeof(T), write);
  }
  emulated::Block* block_;
  int64_t offset_, size_;
};

class Grid {
  using Place = std::source_location;

 public:
  explicit Grid(emulated::Block& block) : block_(&block), x_(block.x()), y_(block.y()), carved_(0) {}
  int block() const { return x_; }
  int block_y() const { return y_; }
  int thread() const { return block_->thread(); }
  int threads() const { return block_->threads(); }
  int lane() const { return thread() % 32; }
  int warp() const { return thread() / 32; }

  void place(int block, int block_y) { x_ = block, y_ = block_y; }
  void sync(Place place = Place::current()) const { block_->meet(emulated::Meeting::block, place); }
  void sync_warp(Place place = Place::current()) const { block_->meet(emulated::Meeting::warp, place); }

  template <class T>
  T shuffle(T value, int lane, Place place = Place::current()) const {
    static_assert(sizeof(T) <= sizeof(emulated::Block::Words) && std::is_trivially_copyable_v<T>);
    emulated::Block::Words words{};
    __builtin_memcpy(words.data(), &value, sizeof(T));
    block_->check_lane(lane);
    block_->give(words, place);
    __builtin_memcpy(&value, block_->given(lane).data(), sizeof(T));
    return value;
  }
  template <class T>
  T shuffle_xor(T value, int mask, Place place = Place::current()) const {
    return shuffle(value, lane() ^ mask, place);
  }
  // Sum: float for operands of bfloat16, int for bytes.
  template <class Sum>
  void mma(Sum (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
           Place place = Place::current()) const {
    block_->give({a[0], a[1], a[2], a[3], b[0], b[1]}, place);
    emulated::multiply_fragments([this](int lane) { return block_->given(lane).data(); }, lane(), c);
  }

  void mma_e4m3(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                Place place = Place::current()) const {
    block_->give({a[0], a[1], a[2], a[3], b[0], b[1]}, place);
    emulated::multiply_e4m3_fragments([this](int lane) { return block_->given(lane).data(); }, lane(), c);
  }

  template <class T>
  Shared<T> shared(int64_t n) {
    const int64_t begin = carved_;
    carved_ += (n * static_cast<int64_t>(sizeof(T)) + 15) / 16 * 16;
    block_->check_carved(carved_);
    return Shared<T>(block_, begin, n);
  }

 private:
  emulated::Block* block_;
  int x_, y_;
  int64_t carved_;
};

inline float half_bits_to_float(uint16_t bits) { return half_to_float(bits); }
inline float bits_to_float(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}
inline uint32_t float_to_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}
inline uint32_t bfloat16_pair(float low, float high) {
  return static_cast<uint32_t>(float_to_bf16(low)) | static_cast<uint32_t>(float_to_bf16(high)) << 16;
}

}  // namespace whorl::cuda
