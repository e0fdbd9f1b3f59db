#pragma once
#include <cuda_runtime.h>

#include <mutex>
#include <vector>

#include "cuda/runtime.h"

namespace whorl::cuda::device {

// std::runtime_error "[cuda] a kernel: an illegal memory access was encountered"
void check(cudaError_t error, const char* what);

// Pinned memory that small lists pass through on their way to the device, so that a copy neither waits for
// the queue nor reads memory that its caller has already changed. A ring: what was written a whole turn ago
// has long been copied, and the copy's event says so.
class Staging {
 public:
  void open();
  void close();
  // A place for kSlot bytes until `sent` is called on `stream`.
  void* take();
  void sent(cudaStream_t stream);

  static constexpr size_t kSlot = Runtime::kStaged;

 private:
  static constexpr int kSlots = 16;
  char* memory_ = nullptr;
  cudaEvent_t events_[kSlots] = {};
  int next_ = 0;
};

class CublasLt;
class Cudnn;

class CudaRuntime final : public Runtime {
 public:
  CudaRuntime(int device, const std::string& folders);
  ~CudaRuntime() override;

  // Makes this device the calling thread's.
  void enter() const;
  // Where the calling thread's work goes: the queue, or what it captures.
  cudaStream_t stream() const;

  std::string name() const override { return name_; }
  void* allocate(size_t bytes) override;
  size_t free_bytes() override;
  bool has_library() const override { return true; }
  void open_attention() override;
  bool has_fp8() const override { return has_fp8_; }
  std::unique_ptr<Graph> capture(std::unique_ptr<Graph> known, const std::function<void()>& calls) override;
  void launch_graph(Graph& graph) override;
  std::string identity() const override { return identity_; }

 protected:
  void release_now(void* memory) noexcept override;
  void to_device_now(void* device, int64_t step, const void* host, const Rows& rows) override;
  void to_host_now(void* host, int64_t step, const void* device, const Rows& rows) override;
  void copy_now(void* to, int64_t step, const void* from, const Rows& rows) override;
  void zero_now(void* device, const Rows& rows) override;
  void wait_now() override;
  bool multiply_now(const Product& product) override;
  bool can_multiply(const Product& product) override;
  bool attend_now(const PackedAttention& call) override;
  void* queue_now() override;
  bool done_now() override;

 private:
  cudaGraph_t captured(const std::function<void()>& calls);

  int device_, compute_ = 0;  // 90 is 9.0
  bool has_fp8_ = false;
  std::string folders_, name_, identity_;
  // Work is captured beside the queue, in a stream where nothing runs: other threads queue theirs meanwhile.
  cudaStream_t stream_ = nullptr, capture_stream_ = nullptr;
  std::mutex capture_mutex_;  // one capture at a time
  std::mutex mutex_;          // of the staging ring
  Staging staging_;
  std::unique_ptr<CublasLt> library_;
  std::unique_ptr<Cudnn> attention_;  // where it was asked for
};

}  // namespace whorl::cuda::device
