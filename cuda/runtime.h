#pragma once
// One device and one queue of work on it, in order. Two files implement it: device/runtime.cc with CUDA,
// emulated/runtime.cc on the host; nothing else in this folder knows which.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ops/plug.h"

namespace whorl::cuda {

// Rows of bytes and the step between their starts.
struct Rows {
  int64_t count = 0, width = 0, step = 0;
};

class Runtime {
 public:
  // std::runtime_error with one sentence where `device` cannot be used. `folders`: where NVIDIA's libraries
  // may be, separated by ':'.
  static std::shared_ptr<Runtime> open(int device, const std::string& folders);
  // What is there; `refusal` says why none can be used. Only the device `measured` (-1: every one) is asked
  // how much memory it has free: the question alone takes some of it.
  static std::vector<ops::PlugDevice> devices(std::string& refusal, int measured);

  virtual ~Runtime() = default;
  virtual std::string name() const = 0;  // "cuda (NVIDIA H100 80GB HBM3)"

  // Device memory, not zeroed, 256-byte aligned. DeviceMemoryError where there is too little.
  virtual void* allocate(size_t bytes) = 0;
  // It may be used again once the work queued so far is done.
  virtual void release(void* memory) noexcept = 0;

  // Rows of host memory, which may be changed or freed once this returns; it does not wait for the queue,
  // unless they are more than kStaged bytes.
  static constexpr size_t kStaged = 1 << 20;
  virtual void to_device(void* device, int64_t step, const void* host, const Rows& rows) = 0;
  // Waits for everything queued.
  virtual void to_host(void* host, int64_t step, const void* device, const Rows& rows) = 0;
  virtual void copy(void* to, int64_t step, const void* from, const Rows& rows) = 0;
  virtual void zero(void* device, const Rows& rows) = 0;
  virtual void wait() = 0;

  // c [m, n] (= or += with accumulate) a b + bias by NVIDIA's library; false where it has no answer for this
  // product and the caller's own kernel has to do it. Operands are both float32 or both bfloat16, sums are
  // float32.
  struct Product {
    int64_t m = 0, n = 0, k = 0;
    const void *a = nullptr, *b = nullptr;
    int64_t a_step = 0, b_step = 0, c_step = 0;  // elements between rows
    bool a_transposed = false;                   // a is [k, m], else [m, k]
    bool b_transposed = false;                   // b is [n, k], else [k, n]
    bool bfloat16 = false;
    float* c = nullptr;
    const float* bias = nullptr;  // [n]
    bool accumulate = false;
  };
  virtual bool multiply(const Product& product) = 0;
  virtual bool has_library() const = 0;  // whether asking is worth preparing operands for

  // The queue as NVIDIA's libraries know it, a cudaStream_t; its device becomes the calling thread's.
  virtual void* queue() = 0;
  // Whether everything queued is done. What failed meanwhile throws here, as in wait().
  virtual bool done() = 0;
  virtual std::string identity() const = 0;  // another for every device of every machine
};

// Device memory that an op borrows.
class Scratch {
 public:
  Scratch(Runtime& runtime, size_t bytes)
      : runtime_(&runtime), memory_(runtime.allocate(bytes ? bytes : 1)) {}
  ~Scratch() { runtime_->release(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* get() const {
    return static_cast<T*>(memory_);
  }

 private:
  Runtime* runtime_;
  void* memory_;
};

// A list that the host has made, on the device.
template <class T>
class Uploaded {
 public:
  template <class List>
  Uploaded(Runtime& runtime, const List& list) : scratch_(runtime, list.size() * sizeof(T)) {
    const auto bytes = static_cast<int64_t>(list.size() * sizeof(T));
    if (bytes > 0) runtime.to_device(scratch_.template get<T>(), bytes, list.data(), {1, bytes, bytes});
  }
  const T* get() const { return scratch_.template get<T>(); }

 private:
  Scratch scratch_;
};

// How many blocks a kernel runs on, and how many bytes of shared memory each has.
struct Extent {
  int64_t blocks = 1, blocks_y = 1, shared_bytes = 0;
};

}  // namespace whorl::cuda
