#pragma once
#include <typeinfo>

#include "cuda/emulated/block.h"
#include "cuda/emulated/graph.h"
#include "cuda/runtime.h"
#include "cuda/written.h"
#include "target/grid.h"

namespace whorl::cuda {

namespace emulated {
// Blocks one after another, every second launch from the last to the first and with the last thread first:
// what depends on an order that a device does not promise shows.
void run_blocks(const Extent& extent, const std::function<void(Block&)>& body);
}  // namespace emulated

template <class Kernel>
void launch_now(Runtime&, const cuda::Extent& extent, const Kernel& kernel) {
  const emulated::Extent blocks{static_cast<int>(extent.blocks), static_cast<int>(extent.blocks_y),
                                Kernel::kThreads, extent.shared_bytes};
  emulated::launched(typeid(Kernel).name(), [blocks, kernel] {
    const Kernel fresh = kernel;  // knows no allocation yet: what a graph points to is looked up each time
    emulated::run_blocks(blocks, [&](emulated::Block& block) {
      Grid grid(block);
      fresh(grid);
    });
  });
}

// A kernel is a struct of its arguments with `kThreads` and a call operator over Grid&.
template <class Kernel>
void launch(Runtime& runtime, const cuda::Extent& extent, const Kernel& kernel) {
  if (extent.blocks <= 0 || extent.blocks_y <= 0) return;
  if (Calls* const calls = runtime.written()) return write_down(*calls, extent, kernel);
  launch_now(runtime, extent, kernel);
}

}  // namespace whorl::cuda
