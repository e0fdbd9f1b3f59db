#include <cstring>

#include "base/check.h"
#include "cuda/device/cublaslt.h"
#include "cuda/device/cudnn_attention.h"
#include "cuda/device/on_cuda.h"
#include "ops/device.h"

namespace whorl::cuda {

namespace device {

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) base::failed("[cuda] ", what, ": ", cudaGetErrorString(error));
}

void Staging::open() {
  check(cudaMallocHost(reinterpret_cast<void**>(&memory_), kSlot * kSlots), "pinned memory for staging");
  for (cudaEvent_t& event : events_)
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
}

void Staging::close() {
  for (cudaEvent_t& event : events_)
    if (event) cudaEventDestroy(event);
  cudaFreeHost(memory_);
}

void* Staging::take() {
  check(cudaEventSynchronize(events_[next_]),
        "staging");  // a whole turn ago: done unless the host is far ahead
  return memory_ + kSlot * static_cast<size_t>(next_);
}

void Staging::sent(cudaStream_t stream) {
  check(cudaEventRecord(events_[next_], stream), "staging");
  next_ = (next_ + 1) % kSlots;
}

namespace {
std::string hexadecimal(const cudaUUID_t& id) {
  std::string out;
  for (const char byte : id.bytes)
    for (const int shift : {4, 0}) out += "0123456789abcdef"[byte >> shift & 15];
  return out;
}
}  // namespace

CudaRuntime::CudaRuntime(int device, const std::string& folders) : device_(device), folders_(folders) {
  enter();
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "the device's properties");
  name_ = std::string("cuda (") + properties.name + ")";
  identity_ = hexadecimal(properties.uuid);
  compute_ = properties.major * 10 + properties.minor;
  has_fp8_ = compute_ >= 89;  // whose tensor cores multiply it
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
  check(cudaStreamCreateWithFlags(&capture_stream_, cudaStreamNonBlocking), "a stream");
  // Freed memory stays with this process, so that the next step finds it without asking the driver.
  cudaMemPool_t pool = nullptr;
  check(cudaDeviceGetDefaultMemPool(&pool, device), "the memory pool");
  uint64_t everything = UINT64_MAX;
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &everything), "the memory pool");
  staging_.open();
  library_ = std::make_unique<CublasLt>(folders);
}

CudaRuntime::~CudaRuntime() {
  if (cudaSetDevice(device_) != cudaSuccess) return;
  cudaStreamSynchronize(stream_);
  attention_.reset();
  library_.reset();
  staging_.close();
  cudaStreamDestroy(capture_stream_);
  cudaStreamDestroy(stream_);
}

void CudaRuntime::enter() const { check(cudaSetDevice(device_), "the device"); }

void* CudaRuntime::allocate(size_t bytes) {
  enter();
  void* memory = nullptr;
  const cudaError_t error = cudaMallocAsync(&memory, bytes, stream_);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t available = 0, whole = 0;
    cudaMemGetInfo(&available, &whole);
    refuse_memory(name_, bytes, available, whole);
  }
  check(error, "memory");
  return memory;
}

// The pool gives back what it can: pieces of it would not serve whoever asks for one large piece next.
size_t CudaRuntime::free_bytes() {
  wait_now();
  cudaMemPool_t pool = nullptr;
  check(cudaDeviceGetDefaultMemPool(&pool, device_), "the memory pool");
  check(cudaMemPoolTrimTo(pool, 0), "the memory pool");
  size_t available = 0, whole = 0;
  check(cudaMemGetInfo(&available, &whole), "free memory");
  return available;
}

void CudaRuntime::release_now(void* memory) noexcept {
  if (cudaSetDevice(device_) == cudaSuccess) cudaFreeAsync(memory, stream_);
}

namespace {
// One piece of any length; or rows, whose step CUDA keeps below 2 GB.
void copy_rows(void* to, int64_t to_step, const void* from, const Rows& rows, cudaMemcpyKind kind,
               cudaStream_t stream, const char* what) {
  const auto width = static_cast<size_t>(rows.width), count = static_cast<size_t>(rows.count);
  const bool one = rows.count == 1 || (rows.width == rows.step && rows.width == to_step);
  check(one ? cudaMemcpyAsync(to, from, width * count, kind, stream)
            : cudaMemcpy2DAsync(to, static_cast<size_t>(to_step), from, static_cast<size_t>(rows.step), width,
                                count, kind, stream),
        what);
}
bool nothing(const Rows& rows) { return rows.count <= 0 || rows.width <= 0; }
}  // namespace

void CudaRuntime::to_device_now(void* device, int64_t step, const void* host, const Rows& rows) {
  if (nothing(rows)) return;
  enter();
  const auto width = static_cast<size_t>(rows.width), count = static_cast<size_t>(rows.count);
  if (width * count > Staging::kSlot) {  // weights: the driver stages them and may wait
    copy_rows(device, step, host, rows, cudaMemcpyHostToDevice, stream_, "a copy to the device");
    return check(cudaStreamSynchronize(stream_), "a copy to the device");
  }
  std::lock_guard lock(mutex_);
  char* const place = static_cast<char*>(staging_.take());
  for (size_t i = 0; i < count; ++i)
    std::memcpy(place + i * width, static_cast<const char*>(host) + static_cast<int64_t>(i) * rows.step,
                width);
  copy_rows(device, step, place, {rows.count, rows.width, rows.width}, cudaMemcpyHostToDevice, stream_,
            "a copy to the device");
  staging_.sent(stream_);
}

void CudaRuntime::to_host_now(void* host, int64_t step, const void* device, const Rows& rows) {
  if (nothing(rows)) return;
  enter();
  copy_rows(host, step, device, rows, cudaMemcpyDeviceToHost, stream_, "a copy to the host");
  wait_now();
}

void CudaRuntime::copy_now(void* to, int64_t step, const void* from, const Rows& rows) {
  if (nothing(rows)) return;
  enter();
  copy_rows(to, step, from, rows, cudaMemcpyDeviceToDevice, stream(), "a copy");
}

void CudaRuntime::zero_now(void* device, const Rows& rows) {
  if (nothing(rows)) return;
  enter();
  const auto width = static_cast<size_t>(rows.width), count = static_cast<size_t>(rows.count);
  const bool one = rows.count == 1 || rows.width == rows.step;
  check(one ? cudaMemsetAsync(device, 0, width * count, stream())
            : cudaMemset2DAsync(device, static_cast<size_t>(rows.step), 0, width, count, stream()),
        "zeroing");
}

void CudaRuntime::wait_now() {
  enter();
  check(cudaStreamSynchronize(stream_), "the queue");
}

void* CudaRuntime::queue_now() {
  enter();
  return stream_;
}

bool CudaRuntime::done_now() {
  enter();
  const cudaError_t state = cudaStreamQuery(stream_);
  if (state == cudaErrorNotReady) return cudaGetLastError(), false;  // no error of the next call's
  check(state, "the queue");
  return true;
}

bool CudaRuntime::multiply_now(const Product& product) {
  enter();
  return library_->multiply(product, stream());
}

void CudaRuntime::open_attention() {
  enter();
  attention_ = std::make_unique<Cudnn>(folders_, compute_);
}

bool CudaRuntime::attend_now(const PackedAttention& call) {
  enter();
  return attention_ && attention_->attend(*this, call, stream());
}

bool CudaRuntime::can_multiply(const Product& product) {
  enter();
  return library_->knows(product);
}

namespace {
thread_local bool capturing = false;

struct ExecutableGraph final : Graph {
  ExecutableGraph(cudaGraphExec_t its, int its_device) : executable(its), device(its_device) {}
  // One that still runs is freed when it is done.
  ~ExecutableGraph() override {
    if (cudaSetDevice(device) == cudaSuccess) cudaGraphExecDestroy(executable);
  }
  cudaGraphExec_t executable;
  int device;
};

// An error that only says that there will be no graph is not the next call's.
bool fails(cudaError_t error) {
  if (error == cudaSuccess) return false;
  cudaGetLastError();
  return true;
}
}  // namespace

cudaStream_t CudaRuntime::stream() const { return capturing ? capture_stream_ : stream_; }

// Null where something cannot be captured.
cudaGraph_t CudaRuntime::captured(const std::function<void()>& calls) {
  // Relaxed: a library that loads a kernel meanwhile does no harm here, nothing else waits for this stream.
  if (fails(cudaStreamBeginCapture(capture_stream_, cudaStreamCaptureModeRelaxed))) return nullptr;
  bool whole = true;
  capturing = true;
  try {
    calls();
  } catch (...) {  // queued one by one, the same calls will say what it was
    whole = false;
  }
  capturing = false;
  cudaGraph_t graph = nullptr;
  if (fails(cudaStreamEndCapture(capture_stream_, &graph)) || whole) return graph;
  if (graph) cudaGraphDestroy(graph);
  return nullptr;
}

std::unique_ptr<Graph> CudaRuntime::capture(std::unique_ptr<Graph> known,
                                            const std::function<void()>& calls) {
  enter();
  const std::lock_guard lock(capture_mutex_);
  cudaGraph_t graph = captured(calls);
  if (!graph) return nullptr;
  std::unique_ptr<Graph> made = std::move(known);
  cudaGraphExecUpdateResultInfo refused{};
  if (!made || fails(cudaGraphExecUpdate(static_cast<ExecutableGraph&>(*made).executable, graph, &refused))) {
    made.reset();
    cudaGraphExec_t executable = nullptr;
    if (!fails(cudaGraphInstantiate(&executable, graph, 0)))
      made = std::make_unique<ExecutableGraph>(executable, device_);
  }
  cudaGraphDestroy(graph);
  return made;
}

void CudaRuntime::launch_graph(Graph& graph) {
  enter();
  check(cudaGraphLaunch(static_cast<ExecutableGraph&>(graph).executable, stream_), "a graph");
}

}  // namespace device

std::shared_ptr<Runtime> Runtime::open(int device, const std::string& folders) {
  return std::make_shared<device::CudaRuntime>(device, folders);
}

}  // namespace whorl::cuda
