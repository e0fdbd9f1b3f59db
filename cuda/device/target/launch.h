#pragma once
#include <cuda_runtime.h>

#include "cuda/device/on_cuda.h"
#include "cuda/written.h"
#include "target/grid.h"

namespace whorl::cuda {

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads) run_kernel(const __grid_constant__ Kernel kernel) {
  Grid grid;
  kernel(grid);
}

template <class Kernel>
void launch_now(Runtime& runtime, const Extent& extent, const Kernel& kernel) {
  auto& cuda = static_cast<device::CudaRuntime&>(runtime);
  cuda.enter();
  cudaLaunchConfig_t config{};
  config.gridDim = {static_cast<unsigned>(extent.blocks), static_cast<unsigned>(extent.blocks_y), 1};
  config.blockDim = {Kernel::kThreads, 1, 1};
  config.dynamicSmemBytes = static_cast<size_t>(extent.shared_bytes);
  config.stream = cuda.stream();
  // By this call and not by cudaGetLastError(), which would find what a library left there.
  device::check(cudaLaunchKernelEx(&config, run_kernel<Kernel>, kernel), "a kernel");
}

// A kernel is a struct of its arguments with `kThreads` and a call operator over Grid&.
template <class Kernel>
void launch(Runtime& runtime, const Extent& extent, const Kernel& kernel) {
  if (extent.blocks <= 0 || extent.blocks_y <= 0) return;
  if (Calls* const calls = runtime.written()) return write_down(*calls, extent, kernel);
  launch_now(runtime, extent, kernel);
}

}  // namespace whorl::cuda
