#pragma once
// A launch that is written down, for target/launch.h.
#include "cuda/calls.h"
#include "cuda/runtime.h"

namespace whorl::cuda {

template <class Kernel>
struct Launched {
  Extent extent;
  Kernel kernel;
};

template <class Kernel>
void launch_now(Runtime& runtime, const Extent& extent, const Kernel& kernel);

template <class Kernel>
void write_down(Calls& calls, const Extent& extent, const Kernel& kernel) {
  const auto perform = [](Runtime& runtime, const void* arguments) {
    const auto& launched = *static_cast<const Launched<Kernel>*>(arguments);
    launch_now(runtime, launched.extent, launched.kernel);
  };
  calls.add(perform, Launched<Kernel>{extent, kernel});
}

}  // namespace whorl::cuda
