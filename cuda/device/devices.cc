// What stands between this machine and its GPUs, one sentence each.
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <string>

#include "base/check.h"
#include "cuda/runtime.h"

namespace whorl::cuda {

namespace {
std::string dotted(int version) {  // 13000 is 13.0
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string missing_driver() {
  void* const driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (!driver) return "there is no NVIDIA driver (libcuda.so.1 does not load)";
  dlclose(driver);
  int knows = 0;
  if (cudaDriverGetVersion(&knows) != cudaSuccess || knows == 0) return "the NVIDIA driver does not answer";
  if (knows / 1000 < CUDART_VERSION / 1000)
    return "the NVIDIA driver is too old: expected CUDA " + dotted(CUDART_VERSION) + " or newer, got " +
           dotted(knows);
  return {};
}
}  // namespace

std::vector<ops::PlugDevice> Runtime::devices(std::string& refusal, int measured) {
  refusal = missing_driver();
  if (!refusal.empty()) return {};
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    refusal = error == cudaSuccess || error == cudaErrorNoDevice
                  ? "the NVIDIA driver has no GPU"
                  : std::string("the NVIDIA driver refuses: ") + cudaGetErrorString(error);
    return {};
  }
  std::vector<ops::PlugDevice> found;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) continue;
    ops::PlugDevice& one = found.emplace_back();
    std::string(properties.name).copy(one.name, sizeof one.name - 1);
    one.major = properties.major, one.minor = properties.minor, one.memory = properties.totalGlobalMem;
    if (measured >= 0 && measured != i) continue;
    size_t available = 0, whole = 0;
    if (cudaSetDevice(i) == cudaSuccess && cudaMemGetInfo(&available, &whole) == cudaSuccess)
      one.available = available;
  }
  return found;
}

}  // namespace whorl::cuda
