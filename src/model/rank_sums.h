#pragma once
// Sums over the ranks that compute one model together: by the devices themselves where all of them can, else
// through the host in the order of ranks.
#include <memory>
#include <string>

#include "ops/backend.h"
#include "ranks/communicator.h"

namespace whorl::model {

class RankSums {
 public:
  // Collective; rank 0 logs which way is taken, and why. The backend must outlive this.
  RankSums(std::shared_ptr<ranks::Communicator> all, ops::Backend& backend, const std::string& context);

  // Collective. x: float32, contiguous, on the device; it becomes the sum, the same bits on all ranks.
  void operator()(const Tensor& x);

 private:
  std::shared_ptr<ranks::Communicator> all_;
  ops::Backend& backend_;
  std::unique_ptr<ops::DeviceRanks> device_;  // null: sums pass through the host
};

}  // namespace whorl::model
