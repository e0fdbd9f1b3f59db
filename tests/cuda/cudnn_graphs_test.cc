// Whether cuDNN has plans for the graphs that attention is asked for as, on devices that are not there: it
// makes them from a device's properties. A machine without a driver has a stand-in for it (absent_driver.cc).
// What is not shown is what they compute. Without NVIDIA's libraries there is nothing to ask.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/check.h"
#include "cuda/device/cudnn_graph.h"
#include "cuda/library_attention.h"

namespace whorl::cuda::device {
namespace {

// The words that cuDNN has for a device's properties; 90 is sm_90.
GraphDevice device(int compute, int multiprocessors, int64_t memory, int64_t shared_bytes, const char* name) {
  return {
      nullptr,
      base::concat(
          R"({"cudaDeviceId":0,"deviceVer":)", compute * 10, R"(,"driverVer":13000,"totalConstMem":65536)",
          R"(,"totalGlobalMem":)", memory, R"(,"multiProcessorCount":)", multiprocessors,
          R"(,"smCountOrigin":0,"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64])",
          R"(,"regsPerBlock":65536,"warpSize":32,"maxSharedMemoryPerBlock":49152)",
          R"(,"maxSharedMemoryPerBlockOptin":)", shared_bytes,
          R"(,"oversizedSharedMemoryPerBlock":0,"reservedSharedMemoryPerBlock":1024)",
          R"(,"maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024)",
          R"(,"maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,"supportCoopLaunch":1)",
          R"(,"smClockRateKHz":1900000,"memClockRateKHz":2600000,"memoryBusWidth":5120)",
          R"(,"l2CacheSize":52428800,"deviceName":")", name, R"("})"),
      compute};
}
GraphDevice ampere() { return device(80, 108, 85000000000, 166912, "NVIDIA A100"); }
GraphDevice hopper() { return device(90, 132, 85000000000, 232448, "NVIDIA H100"); }
GraphDevice blackwell() { return device(100, 148, 190000000000, 232448, "NVIDIA B200"); }

// First file of `folders` that loads, for everybody: cuDNN asks for its neighbours by name.
void* load(const char* file) {
  std::istringstream folders(WHORL_NVIDIA_FOLDERS);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (void* const found = dlopen((folder + "/" + file).c_str(), RTLD_NOW | RTLD_GLOBAL)) return found;
  return dlopen(file, RTLD_NOW | RTLD_GLOBAL);
}

struct Asked {
  std::string name;
  int64_t rows, sequences, longest;
  ops::AttentionShape shape;
};
std::vector<Asked> asked() {
  return {{"Llama-3-8B, one row of 4096", 4096, 1, 4096, {32, 8, 128, 0.088f, 0}},
          {"Llama-3.2-1B, 2048 packed", 2048, 8, 512, {32, 8, 64, 0.125f, 0}},
          {"a window", 4096, 4, 2048, {32, 8, 128, 0.088f, 1024}},
          {"a head for each", 1024, 4, 512, {8, 8, 128, 0.088f, 0}},
          {"one head of keys", 512, 4, 256, {4, 1, 32, 0.17f, 0}},
          {"heads of 96, an odd window", 512, 4, 256, {4, 2, 96, 0.1f, 17}},
          {"heads of 80", 512, 4, 256, {4, 2, 80, 0.1f, 0}},
          {"fourteen heads", 512, 4, 256, {14, 2, 64, 0.125f, 0}},
          {"logarithms at multiples of 12 bytes", 512, 4, 256, {3, 3, 64, 0.125f, 0}},
          {"heads of 8", 128, 2, 128, {2, 1, 8, 0.35f, 5}}};
}

enum class Way { answers, trains, back };

PackedAttention call_of(const Asked& a, Way way) {
  static int somewhere = 0;
  const ops::AttentionShape& s = a.shape;
  PackedAttention c;
  c.rows = a.rows, c.sequences = a.sequences, c.longest = a.longest, c.heads = s.heads,
  c.kv_heads = s.kv_heads;
  c.head_size = s.head_size, c.window = s.window, c.scale = s.scale;
  const PackedMatrix wide{&somewhere, s.heads * s.head_size, nullptr},
      narrow{&somewhere, s.kv_heads * s.head_size, nullptr}, one{&somewhere, s.heads, nullptr};
  c.q = c.out = wide, c.k = c.v = narrow;
  if (way != Way::answers) c.lse = one;
  if (way == Way::back) c.dout = c.dq = wide, c.dk = c.dv = narrow;
  return c;
}

class CudnnGraphs : public testing::Test {
 protected:
  void SetUp() override {
    const bool driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    ASSERT_TRUE(driver || dlopen(WHORL_ABSENT_DRIVER, RTLD_NOW | RTLD_GLOBAL)) << dlerror();
    for (const char* beside : {"libcudart.so.13", "libcublasLt.so.13", "libnvrtc.so.13"}) load(beside);
    void* const library = load("libcudnn.so.9");
    if (!library) GTEST_SKIP() << "no cuDNN: " << dlerror();
    graphs_call(library);
    setenv("CUDNN_FRONTEND_ATTN_DP_WORKSPACE_LIMIT", "0", 1);  // as Cudnn does
  }
};

TEST_F(CudnnGraphs, HavePlansInTheMemoryThatIsForeseen) {
  for (const GraphDevice& on : {hopper(), blackwell()})
    for (const Asked& a : asked())
      for (const Way way : {Way::answers, Way::trains, Way::back}) {
        std::string refusal;
        const auto graph = AttentionGraph::make(call_of(a, way), on, refusal);
        ASSERT_TRUE(graph) << "sm_" << on.compute << ", " << a.name << ", way " << static_cast<int>(way)
                           << ": " << refusal;
        ASSERT_LE(graph->working_bytes(), library_attention_bytes(a.rows, a.shape))
            << "sm_" << on.compute << ", " << a.name;
      }
}

// There the way back has no order of its own for packed rows: kernels here do it.
TEST_F(CudnnGraphs, HaveNoWayBackOnAmpere) {
  for (const Asked& a : asked()) {
    std::string refusal;
    EXPECT_TRUE(AttentionGraph::make(call_of(a, Way::trains), ampere(), refusal))
        << a.name << ": " << refusal;
    EXPECT_FALSE(AttentionGraph::make(call_of(a, Way::back), ampere(), refusal)) << a.name;
    EXPECT_NE(refusal.find("Deterministic"), std::string::npos) << refusal;
  }
}

// What they cannot do is said, not done otherwise.
TEST_F(CudnnGraphs, RefuseWhatTheyCannotRead) {
  std::string refusal;
  PackedAttention odd = call_of(asked()[0], Way::trains);
  odd.head_size = 12, odd.q.step = odd.out.step = 32 * 12, odd.k.step = odd.v.step = 8 * 12;
  EXPECT_FALSE(AttentionGraph::make(odd, hopper(), refusal));
  EXPECT_FALSE(refusal.empty());
  GraphDevice unknown = hopper();
  unknown.properties.resize(1);
  EXPECT_FALSE(AttentionGraph::make(call_of(asked()[0], Way::trains), unknown, refusal));
}

}  // namespace
}  // namespace whorl::cuda::device
