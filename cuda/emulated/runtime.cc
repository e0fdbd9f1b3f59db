#include "cuda/runtime.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

#include "base/check.h"
#include "cuda/emulated/device_memory.h"
#include "cuda/emulated/products.h"
#include "target/collectives.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace emulated {
namespace {
std::atomic<int64_t> waited = 0, launched = 0, uploaded = 0;
}

void run_blocks(const Extent& extent, const std::function<void(Block&)>& body) {
  thread_local std::map<std::tuple<int, int64_t>, std::unique_ptr<Block>> kept;  // their stacks are dear
  thread_local bool backwards = false;
  backwards = !backwards;
  ++launched;
  std::unique_ptr<Block>& block = kept[{extent.threads, extent.shared_bytes}];
  if (!block) block = std::make_unique<Block>(extent);
  Block& one = *block;
  one.resize(extent);
  const int64_t blocks = static_cast<int64_t>(extent.blocks_x) * extent.blocks_y;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t at = backwards ? blocks - 1 - i : i;
    one.run(static_cast<int>(at % extent.blocks_x), static_cast<int>(at / extent.blocks_x), backwards,
            [&] { body(one); });
  }
}

namespace {
void copy_rows(void* to, int64_t to_step, const void* from, const Rows& rows) {
  for (int64_t i = 0; i < rows.count; ++i)
    std::memmove(static_cast<char*>(to) + i * to_step, static_cast<const char*>(from) + i * rows.step,
                 static_cast<size_t>(rows.width));
}

// What a copy touches must be the device's, too.
template <class T>
T* device_rows(T* device, int64_t step, const Rows& rows) {
  uintptr_t begin = 0, end = 0;
  if (rows.count > 0 && rows.width > 0)
    find_allocation(reinterpret_cast<uintptr_t>(device),
                    static_cast<size_t>((rows.count - 1) * step + rows.width), begin, end);
  return real(device);
}

class Queue final : public CUstream_st {
 public:
  void* memory(const void* device, size_t bytes) const override {
    const auto size = static_cast<int64_t>(bytes);
    return device_rows(const_cast<void*>(device), size, {1, size, size});
  }
};

// Another device each time it is opened.
std::string next_identity() {
  static std::atomic<int> opened = 0;
  return base::concat("emulated device ", ++opened, " of process ", getpid());
}

class EmulatedRuntime final : public Runtime {
 public:
  std::string name() const override { return "cuda_emulated"; }
  void* allocate(size_t bytes) override { return emulated::allocate(bytes); }
  void release(void* memory) noexcept override { emulated::release(memory); }
  void to_device(void* device, int64_t step, const void* host, const Rows& rows) override {
    copy_rows(device_rows(device, step, rows), step, host, rows);
    if (rows.count > 0 && rows.width > 0) ++uploaded;
    if (rows.count * rows.width > static_cast<int64_t>(kStaged)) ++waited;
  }
  void to_host(void* host, int64_t step, const void* device, const Rows& rows) override {
    copy_rows(host, step, device_rows(device, rows.step, rows), rows);
    if (rows.count > 0 && rows.width > 0) ++waited;
  }
  void copy(void* to, int64_t step, const void* from, const Rows& rows) override {
    copy_rows(device_rows(to, step, rows), step, device_rows(from, rows.step, rows), rows);
  }
  void zero(void* device, const Rows& rows) override {
    char* const memory = static_cast<char*>(device_rows(device, rows.step, rows));
    for (int64_t i = 0; i < rows.count; ++i)
      std::memset(memory + i * rows.step, 0, static_cast<size_t>(rows.width));
  }
  void wait() override { ++waited; }
  bool multiply(const Product& product) override {
    if (!has_library_) return false;
    ++launched;
    emulated::multiply(product);
    return true;
  }
  bool has_library() const override { return has_library_; }
  void* queue() override { return static_cast<CUstream_st*>(&queue_); }
  bool done() override { return queue_.pending == 0; }
  std::string identity() const override { return identity_; }

 private:
  Queue queue_;
  std::string identity_ = next_identity();
  const bool has_library_ = products_are_asked_for();
};
}  // namespace
}  // namespace emulated

std::shared_ptr<Runtime> Runtime::open(int, const std::string&) {
  return std::make_shared<emulated::EmulatedRuntime>();
}

std::vector<ops::PlugDevice> Runtime::devices(std::string&, int) {
  ops::PlugDevice one{};
  std::strcpy(one.name, "emulated");
  one.memory = emulated::memory_size(), one.available = emulated::memory_available();
  return {one};
}

}  // namespace whorl::cuda

// For tests: how often the host has stood still until a queue was empty, as it would with a GPU; what it has
// launched, the library's products with it; how many copies it has sent to the device; and the device's
// memory, the most since it was last asked.
#define WHORL_SHOWN extern "C" __attribute__((visibility("default")))
WHORL_SHOWN int64_t whorl_emulated_waits() { return whorl::cuda::emulated::waited; }
WHORL_SHOWN int64_t whorl_emulated_launches() { return whorl::cuda::emulated::launched; }
WHORL_SHOWN int64_t whorl_emulated_uploads() { return whorl::cuda::emulated::uploaded; }
WHORL_SHOWN int64_t whorl_emulated_memory_peak() {
  return static_cast<int64_t>(whorl::cuda::emulated::memory_peak());
}
