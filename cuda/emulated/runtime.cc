#include "cuda/runtime.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

#include "base/check.h"
#include "cuda/emulated/attention.h"
#include "cuda/emulated/device_memory.h"
#include "cuda/emulated/graph.h"
#include "cuda/emulated/products.h"
#include "target/collectives.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace emulated {
namespace {
std::atomic<int64_t> waited = 0, uploaded = 0;
}

void run_blocks(const Extent& extent, const std::function<void(Block&)>& body) {
  thread_local std::map<std::tuple<int, int64_t>, std::unique_ptr<Block>> kept;  // their stacks are dear
  thread_local bool backwards = false;
  backwards = !backwards;
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
  void* allocate(size_t bytes) override {
    check_not_capturing("an allocation");
    return emulated::allocate(bytes);
  }
  size_t free_bytes() override {
    check_not_capturing("a wait for the queue");
    return memory_available();
  }
  std::unique_ptr<Graph> capture(std::unique_ptr<Graph> known, const std::function<void()>& calls) override {
    return emulated::capture(std::move(known), calls);
  }
  void launch_graph(Graph& graph) override { emulated::launch_graph(graph); }
  bool has_library() const override { return has_library_; }
  void open_attention() override { expect_attention_library(); }
  bool has_fp8() const override { return has_library_ && fp8_ != Fp8::refused; }
  std::string identity() const override { return identity_; }

 protected:
  void release_now(void* memory) noexcept override {
    note_if_capturing("a release of memory");
    emulated::release(memory);
  }
  void to_device_now(void* device, int64_t step, const void* host, const Rows& rows) override {
    check_not_capturing("a copy to the device");
    copy_rows(device_rows(device, step, rows), step, host, rows);
    if (rows.count > 0 && rows.width > 0) ++uploaded;
    if (rows.count * rows.width > static_cast<int64_t>(kStaged)) ++waited;
  }
  void to_host_now(void* host, int64_t step, const void* device, const Rows& rows) override {
    check_not_capturing("a copy to the host");
    copy_rows(host, step, device_rows(device, rows.step, rows), rows);
    if (rows.count > 0 && rows.width > 0) ++waited;
  }
  void copy_now(void* to, int64_t step, const void* from, const Rows& rows) override {
    queued("a copy",
           [=] { copy_rows(device_rows(to, step, rows), step, device_rows(from, rows.step, rows), rows); });
  }
  void zero_now(void* device, const Rows& rows) override {
    const auto bytes = static_cast<size_t>(rows.width);
    // CUDA changes no parameters of rows with gaps between them.
    const std::string gaps = rows.count > 1 && rows.width != rows.step
                                 ? base::concat(" of rows at ", device, ", ", rows.count, ", ", rows.step)
                                 : "";
    queued("zeroing" + gaps, [=] {
      char* const memory = static_cast<char*>(device_rows(device, rows.step, rows));
      for (int64_t i = 0; i < rows.count; ++i) std::memset(memory + i * rows.step, 0, bytes);
    });
  }
  void wait_now() override {
    check_not_capturing("a wait for the queue");
    ++waited;
  }
  bool multiply_now(const Product& product) override {
    if (!can_multiply(product)) return false;
    launched("a product", [product] { emulated::multiply(product); });
    return true;
  }
  bool can_multiply(const Product& p) override {
    return has_library_ && (!p.fp8 || fp8_ == Fp8::scaled || (fp8_ == Fp8::sums && !p.a_scales));
  }
  bool attend_now(const PackedAttention& call) override { return emulated::attend(*this, call); }
  void* queue_now() override {
    check_not_capturing("the queue itself");
    return static_cast<CUstream_st*>(&queue_);
  }
  bool done_now() override {
    check_not_capturing("a question about the queue");
    return queue_.pending == 0;
  }

 private:
  Queue queue_;
  std::string identity_ = next_identity();
  const bool has_library_ = products_are_asked_for();
  const Fp8 fp8_ = fp8_asked_for();
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
// launched, the library's products with it, but not what graphs run; how many copies it has sent to the
// device; how many calls and how often it has captured, what became of that, and launches of graphs; what
// cuDNN was asked for; and the device's memory, the most since it was last asked.
#define WHORL_SHOWN extern "C" __attribute__((visibility("default")))
using whorl::cuda::emulated::counts;
WHORL_SHOWN int64_t whorl_emulated_waits() { return whorl::cuda::emulated::waited; }
WHORL_SHOWN int64_t whorl_emulated_launches() { return counts().launches; }
WHORL_SHOWN int64_t whorl_emulated_uploads() { return whorl::cuda::emulated::uploaded; }
WHORL_SHOWN int64_t whorl_emulated_captured() { return counts().captured; }
WHORL_SHOWN int64_t whorl_emulated_captures() { return counts().captures; }
WHORL_SHOWN int64_t whorl_emulated_updates() { return counts().updates; }
WHORL_SHOWN int64_t whorl_emulated_instantiations() { return counts().instantiations; }
WHORL_SHOWN int64_t whorl_emulated_graph_launches() { return counts().graph_launches; }
WHORL_SHOWN int64_t whorl_emulated_attention_calls() { return whorl::cuda::emulated::attention_calls(); }
WHORL_SHOWN int64_t whorl_emulated_attention_graphs() { return whorl::cuda::emulated::attention_graphs(); }
WHORL_SHOWN int64_t whorl_emulated_memory_peak() {
  return static_cast<int64_t>(whorl::cuda::emulated::memory_peak());
}
