#include "train/step_numbers.h"

#include <cstring>

#include "train/learner.h"

namespace whorl::train {

namespace {
// Norms first, so that both are aligned.
Tensor norms_in(const Tensor& memory, int64_t learners) {
  return Tensor::view(DType::int64, {learners}, memory.raw(), std::make_shared<Tensor>(memory));
}
Tensor losses_in(const Tensor& memory, int64_t learners) {
  const int64_t norms = learners * static_cast<int64_t>(size_of(DType::int64));
  const int64_t rows = (memory.numel() - norms) / static_cast<int64_t>(size_of(DType::float32));
  return Tensor::view(DType::float32, {rows}, memory.data<char>() + norms, std::make_shared<Tensor>(memory));
}
}  // namespace

StepNumbers::StepNumbers(ops::Backend& backend, size_t learners, int64_t rows)
    : backend_(backend),
      memory_(backend.allocate(DType::uint8, {static_cast<int64_t>(learners * size_of(DType::int64)) +
                                              rows * static_cast<int64_t>(size_of(DType::float32))})),
      norms_(norms_in(memory_, static_cast<int64_t>(learners))),
      losses_(losses_in(memory_, static_cast<int64_t>(learners))) {}

Tensor StepNumbers::next_losses(int64_t rows) {
  taken_ += rows;
  return losses_.rows(taken_ - rows, taken_);
}

StepNumbers::Fetched StepNumbers::fetch() const {
  const Tensor host = to_host(backend_, memory_);
  Fetched out{std::vector<double>(static_cast<size_t>(norms_.numel())), losses_in(host, norms_.numel())};
  std::memcpy(out.norms.data(), host.raw(), norms_.nbytes());
  return out;
}

}  // namespace whorl::train
