#pragma once
// A communicator for planted faults: something happens to what a rank gives to a sum.
#include <functional>

#include "ranks/communicator.h"
#include "tensor/tensor.h"

namespace whorl::testing {

class HookedCommunicator final : public ranks::Communicator {
 public:
  using Hook = std::function<void(const Tensor&)>;
  HookedCommunicator(ranks::Communicator& all, Hook hook) : all_(all), hook_(std::move(hook)) {}
  int rank() const override { return all_.rank(); }
  int size() const override { return all_.size(); }
  void all_reduce_sum(const Tensor& x) override {
    hook_(x);
    all_.all_reduce_sum(x);
  }
  std::vector<std::string> all_gather(std::string_view mine) override { return all_.all_gather(mine); }
  void broadcast(void* data, size_t size) override { all_.broadcast(data, size); }
  void watch(std::string_view what, const std::function<bool()>& done) override { all_.watch(what, done); }
  void fail(std::string_view why) noexcept override { all_.fail(why); }

 private:
  ranks::Communicator& all_;
  Hook hook_;
};

// What rank 1 gives is left out (0) or counted twice (2).
inline HookedCommunicator::Hook times(const ranks::Communicator& all, float factor) {
  return [&all, factor](const Tensor& x) {
    if (all.rank() == 1)
      for (int64_t i = 0; i < x.numel(); ++i) x.data<float>()[i] *= factor;
  };
}

}  // namespace whorl::testing
