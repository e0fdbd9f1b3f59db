#pragma once
// Sums over the ranks of a run by the devices themselves, without a way through the host.
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "tensor/tensor.h"

namespace whorl::ops {

// What a backend brings to such sums. Ranks take this way where all of them name the same library and each
// another device. All empty: memory is the host's, and there is no device to sum on.
struct Collective {
  std::string library;  // with its version; empty = none, and `why_not` says why
  std::string why_not;
  std::string device;  // another for every device of every machine
};

// What the ranks lend to a device that joins them. Every rank makes the same calls in the same order.
struct RankCalls {
  int rank = 0, size = 1;
  std::function<void(void* data, size_t size)> broadcast;  // rank 0's bytes, to all
  // Returns when `done` says so, which is asked again and again. Throws what `done` throws, and where a rank
  // is lost, fails or is at another call, or time is up.
  std::function<void(std::string_view what, const std::function<bool()>& done)> watch;
};

class DeviceRanks {
 public:
  virtual ~DeviceRanks() = default;

  // Each tensor, float32, contiguous, on the device, becomes the sum of that of all ranks, which give as many
  // of the same sizes: the same bits on all of them, in an order of additions that is the library's. The sums
  // are made when it returns; what goes wrong throws here, and no call can be made after it.
  virtual void all_reduce_sum(std::span<const Tensor> tensors) = 0;
};

}  // namespace whorl::ops
