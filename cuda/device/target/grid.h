#pragma once
// The vocabulary of kernels.h on a device: every word is one instruction or nothing.
#include <cuda_fp16.h>

#include <cstdint>

#include "tensor/float8.h"

#define WHORL_DEVICE __device__ __forceinline__
// Before a loop whose index chooses registers.
#define WHORL_UNROLL _Pragma("unroll")

namespace whorl::cuda {

// Memory of the device. Host code carries it and never looks inside.
template <class T>
class Global {
 public:
  __host__ __device__ Global() : data_(nullptr) {}
  explicit __host__ __device__ Global(T* data) : data_(data) {}
  template <class U>
  __host__ __device__ Global(const Global<U>& other) : data_(other.raw()) {}
  __host__ __device__ T* raw() const { return data_; }
  explicit __host__ __device__ operator bool() const { return data_ != nullptr; }
  __host__ __device__ Global operator+(int64_t n) const { return Global(data_ + n); }
  WHORL_DEVICE T& operator[](int64_t i) const { return data_[i]; }

 private:
  T* data_;
};

// Memory of a block.
template <class T>
class Shared {
 public:
  WHORL_DEVICE explicit Shared(T* data) : data_(data) {}
  WHORL_DEVICE T& operator[](int64_t i) const { return data_[i]; }
  WHORL_DEVICE Shared operator+(int64_t n) const { return Shared(data_ + n); }

 private:
  T* data_;
};

class Grid {
 public:
  WHORL_DEVICE Grid()
      : block_(static_cast<int>(blockIdx.x)), block_y_(static_cast<int>(blockIdx.y)), carved_(0) {}
  WHORL_DEVICE int block() const { return block_; }
  WHORL_DEVICE int block_y() const { return block_y_; }
  WHORL_DEVICE int thread() const { return static_cast<int>(threadIdx.x); }
  WHORL_DEVICE int threads() const { return static_cast<int>(blockDim.x); }
  WHORL_DEVICE int lane() const { return thread() % 32; }
  WHORL_DEVICE int warp() const { return thread() / 32; }

  // Which block of its own a kernel is that shares a launch.
  WHORL_DEVICE void place(int block, int block_y) { block_ = block, block_y_ = block_y; }

  // All threads of the block meet; what they wrote to shared memory is seen by all.
  WHORL_DEVICE void sync() const { __syncthreads(); }
  WHORL_DEVICE void sync_warp() const { __syncwarp(); }

  // Whole warps only.
  template <class T>
  WHORL_DEVICE T shuffle(T value, int lane) const {
    return __shfl_sync(0xffffffffu, value, lane);
  }
  template <class T>
  WHORL_DEVICE T shuffle_xor(T value, int mask) const {
    return __shfl_xor_sync(0xffffffffu, value, mask);
  }

  // c [16, 8] += a [16, 16] b [16, 8] by the whole warp on tensor cores: operands bfloat16, two in a word,
  // sums float32. With g = lane / 4 and t = lane % 4 a lane holds, low half first,
  //   a: columns 2t and 2t + 1 of rows g and g + 8, then the same of columns 2t + 8 and 2t + 9
  //   b: rows 2t and 2t + 1 of column g, then rows 2t + 8 and 2t + 9
  //   c: columns 2t and 2t + 1 of row g, then of row g + 8
  WHORL_DEVICE void mma(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) const {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }

  // c [16, 8] += a [16, 32] b [32, 8], operands int8, four in a word, sums int32:
  //   a: columns 4t to 4t + 3 of rows g and g + 8, then the same of columns 4t + 16 to 4t + 19
  //   b: rows 4t to 4t + 3 of column g, then rows 4t + 16 to 4t + 19
  //   c: as above
  WHORL_DEVICE void mma(int (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) const {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }

  // The same with operands E4M3, sums float32. Before 8.9 tensor cores know none: two products of bfloat16,
  // which holds what they stand for.
  WHORL_DEVICE void mma_e4m3(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) const {
#if __CUDA_ARCH__ >= 890
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    for (int i = 0; i < 2; ++i) {
      const uint32_t wide_a[4] = {wide(a[2 * i], 0), wide(a[2 * i + 1], 0), wide(a[2 * i], 16),
                                  wide(a[2 * i + 1], 16)};
      const uint32_t wide_b[2] = {wide(b[i], 0), wide(b[i], 16)};
      mma(c, wide_a, wide_b);
    }
#endif
  }

  // The next n elements of the block's shared memory; all threads ask for the same pieces in one order.
  template <class T>
  WHORL_DEVICE Shared<T> shared(int64_t n) {
    extern __shared__ __align__(16) unsigned char memory[];
    T* const begin = reinterpret_cast<T*>(memory + carved_);
    carved_ += (n * static_cast<int64_t>(sizeof(T)) + 15) / 16 * 16;
    return Shared<T>(begin);
  }

 private:
  // Two neighbours of four codes, in bfloat16.
  static WHORL_DEVICE uint32_t wide(uint32_t codes, int shift) {
    const auto one = [&](int by) {
      return __float_as_uint(e4m3_to_float(static_cast<uint8_t>(codes >> by))) >> 16;
    };
    return one(shift) | one(shift + 8) << 16;
  }

  int block_, block_y_;
  int64_t carved_;
};

WHORL_DEVICE float half_bits_to_float(uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
WHORL_DEVICE float bits_to_float(uint32_t bits) { return __uint_as_float(bits); }
WHORL_DEVICE uint32_t float_to_bits(float x) { return __float_as_uint(x); }
// Two numbers rounded to bfloat16, to the nearest, ties to even: `low` in the lower half of a word. NaN stays
// one.
WHORL_DEVICE uint32_t bfloat16_pair(float low, float high) {
  uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

}  // namespace whorl::cuda
