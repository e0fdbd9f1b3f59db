#pragma once
// A kernel with its extent, before it is launched: alone, or in one launch with another one.
#include <algorithm>

#include "cuda/runtime.h"
#include "target/launch.h"

namespace whorl::cuda {

template <class Kernel>
struct Planned {
  Extent extent;
  Kernel kernel;
  int64_t blocks() const { return extent.blocks * extent.blocks_y; }
};

template <class Kernel>
void launch(Runtime& runtime, const Planned<Kernel>& planned) {
  launch(runtime, planned.extent, planned.kernel);
}

// Two kernels that know nothing of each other: the first blocks are the first one's.
template <class First, class Second>
struct Beside {
  static constexpr int kThreads = First::kThreads;
  static_assert(First::kThreads == Second::kThreads);
  First first;
  Second second;
  int64_t first_blocks = 0, first_x = 1, second_x = 1;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t at = grid.block();
    if (at < first_blocks) {
      grid.place(static_cast<int>(at % first_x), static_cast<int>(at / first_x));
      first(grid);
    } else {
      const int64_t its = at - first_blocks;
      grid.place(static_cast<int>(its % second_x), static_cast<int>(its / second_x));
      second(grid);
    }
  }
};

template <class First, class Second>
void launch_both(Runtime& runtime, const Planned<First>& first, const Planned<Second>& second) {
  Beside<First, Second> both;
  both.first = first.kernel, both.second = second.kernel, both.first_blocks = first.blocks();
  both.first_x = first.extent.blocks, both.second_x = second.extent.blocks;
  const int64_t shared = std::max(first.extent.shared_bytes, second.extent.shared_bytes);
  launch(runtime, {first.blocks() + second.blocks(), 1, shared}, both);
}

}  // namespace whorl::cuda
