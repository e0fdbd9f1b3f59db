#pragma once
#include "cuda/emulated/block.h"
#include "cuda/runtime.h"
#include "target/grid.h"

namespace whorl::cuda {

namespace emulated {
// Blocks one after another, every second launch from the last to the first and with the last thread first:
// what depends on an order that a device does not promise shows.
void run_blocks(const Extent& extent, const std::function<void(Block&)>& body);
}  // namespace emulated

// A kernel is a struct of its arguments with `kThreads` and a call operator over Grid&.
template <class Kernel>
void launch(Runtime&, const cuda::Extent& extent, const Kernel& kernel) {
  if (extent.blocks <= 0 || extent.blocks_y <= 0) return;
  emulated::run_blocks({static_cast<int>(extent.blocks), static_cast<int>(extent.blocks_y), Kernel::kThreads,
                        extent.shared_bytes},
                       [&](emulated::Block& block) {
                         Grid grid(block);
                         kernel(grid);
                       });
}

}  // namespace whorl::cuda
