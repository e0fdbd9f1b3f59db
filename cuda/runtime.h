#pragma once
// One device and one queue of work on it, in order. Two files implement it: device/runtime.cc with CUDA,
// emulated/runtime.cc on the host; nothing else in this folder knows which.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ops/plug.h"

namespace whorl::cuda {

// Rows of bytes and the step between their starts.
struct Rows {
  int64_t count = 0, width = 0, step = 0;
};

// Work that was captured once and is queued as a whole.
class Graph {
 public:
  virtual ~Graph() = default;
};

class Calls;
class Recording;
struct PackedAttention;

// Bytes of paged caches on the devices of this process (Backend::reserve), and what is expected on them.
struct Claims {
  std::atomic<size_t> paged = 0, expected = 0;
};
Claims& claims();
// DeviceMemoryError in one sentence, which names who holds what could be let go.
[[noreturn]] void refuse_memory(const std::string& device, size_t bytes, size_t free, size_t all);

// What is asked of it is queued, or written down where the calling thread has a recording (recording.h). The
// words that end in _now always queue.
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
  // What is free once everything queued is done; unused memory of this process goes back to the device first.
  virtual size_t free_bytes() = 0;
  // The same for who gives it back before a recording ends.
  void* borrow(size_t bytes);
  // It may be used again once the work queued or written down so far is done.
  void release(void* memory) noexcept;

  // Rows of host memory, which may be changed or freed once this returns; it does not wait for the queue,
  // unless they are more than kStaged bytes.
  static constexpr size_t kStaged = 1 << 20;
  void to_device(void* device, int64_t step, const void* host, const Rows& rows);
  // Waits for everything queued.
  void to_host(void* host, int64_t step, const void* device, const Rows& rows);
  void copy(void* to, int64_t step, const void* from, const Rows& rows);
  void zero(void* device, const Rows& rows);
  void wait();

  // c [m, n] (= or += with accumulate) a b + bias + residual by NVIDIA's library; false where it has no
  // answer for this product and the caller's own kernel has to do it. Operands are both float32, both
  // bfloat16 or both FP8 E4M3, sums are float32; c is float32, or beside such narrow operands bfloat16, and
  // the bias is what c is. `count` products share a: their b, c and bias lie so many elements after the one
  // before.
  struct Product {
    int64_t m = 0, n = 0, k = 0;
    const void *a = nullptr, *b = nullptr;
    int64_t a_step = 0, b_step = 0, c_step = 0;  // elements between rows
    bool a_transposed = false;                   // a is [k, m], else [m, k]
    bool b_transposed = false;                   // b is [n, k], else [k, n]
    bool bfloat16 = false, c_bfloat16 = false;
    // FP8: one product, b transposed and a not, without bias; n, k and the steps of a and b are multiples of
    // kFp8, where a, b and c begin too. Sums are multiplied by the scales of their row [m] and column [n],
    // unless these are null.
    static constexpr int64_t kFp8 = 16;
    bool fp8 = false;
    const float *a_scales = nullptr, *b_scales = nullptr;
    void* c = nullptr;
    const void* bias = nullptr;  // [n]
    // [m, n], elsewhere than c, which is float32; one product alone, without accumulate
    const float* residual = nullptr;
    int64_t residual_step = 0;
    bool accumulate = false;
    int64_t count = 1, b_apart = 0, c_apart = 0, bias_apart = 0;  // not negative
  };
  bool multiply(const Product& product);
  virtual bool has_library() const = 0;  // whether asking is worth preparing operands for
  virtual bool has_fp8() const = 0;      // the same of operands in FP8

  // Attention of packed rows by NVIDIA's library, which open_attention has opened; false where it has no
  // answer and kernels here have to do it.
  bool attend(const PackedAttention& call);
  // std::runtime_error with one sentence where there is none.
  virtual void open_attention() = 0;

  // The queue as NVIDIA's libraries know it, a cudaStream_t; its device becomes the calling thread's.
  void* queue();
  // Whether everything queued is done. What failed meanwhile throws here, as in wait().
  bool done();
  virtual std::string identity() const = 0;  // another for every device of every machine

  // Where kernels are written down; null where they are queued.
  Calls* written() const;

  // What `calls` asks for from the calling thread (launches, copies, zeroing, products; nothing else) as one
  // piece of work, not queued yet: `known` brought up to date where only arguments changed, else a new one.
  // Null where it cannot be captured; `known` is gone then. Meanwhile other threads queue their work as ever.
  virtual std::unique_ptr<Graph> capture(std::unique_ptr<Graph> known,
                                         const std::function<void()>& calls) = 0;
  virtual void launch_graph(Graph& graph) = 0;

 protected:
  virtual void release_now(void* memory) noexcept = 0;
  virtual void to_device_now(void* device, int64_t step, const void* host, const Rows& rows) = 0;
  virtual void to_host_now(void* host, int64_t step, const void* device, const Rows& rows) = 0;
  virtual void copy_now(void* to, int64_t step, const void* from, const Rows& rows) = 0;
  virtual void zero_now(void* device, const Rows& rows) = 0;
  virtual void wait_now() = 0;
  virtual bool multiply_now(const Product& product) = 0;
  virtual bool can_multiply(const Product& product) = 0;  // what multiply_now would answer
  virtual bool attend_now(const PackedAttention& call) = 0;
  virtual void* queue_now() = 0;
  virtual bool done_now() = 0;

 private:
  struct Copied;
  struct Zeroed;
  void interrupt_recording();
};

// Device memory that an op borrows.
class Scratch {
 public:
  Scratch(Runtime& runtime, size_t bytes) : runtime_(&runtime), memory_(runtime.borrow(bytes ? bytes : 1)) {}
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

// How many blocks a kernel runs on, and how many bytes of shared memory each has.
struct Extent {
  int64_t blocks = 1, blocks_y = 1, shared_bytes = 0;
};

}  // namespace whorl::cuda
