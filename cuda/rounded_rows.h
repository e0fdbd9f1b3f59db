#pragma once
// Rows as products take them: rounded once for all the weights that ask, when the first one does, or beside
// another kernel before it.
#include <optional>

#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/quantised.h"
#include "cuda/packed.h"
#include "cuda/planned.h"
#include "tensor/tensor.h"

namespace whorl::cuda {

class RoundedRows {
 public:
  RoundedRows(Runtime& runtime, const Tensor& x) : runtime_(runtime), x_(x) {}
  const Tensor& whole() const { return x_; }

  using Narrowing = Planned<Copy<Dense<const float>, uint16_t>>;
  using Coding = Planned<RoundRows>;
  // What makes them, for who launches it before anybody asks.
  Narrowing narrowing();
  Coding coding();

  // Beside bfloat16 weights, as NVIDIA's library takes them: rows a multiple of 16 bytes apart.
  const uint16_t* narrow();
  int64_t narrow_step() const { return (x_.dim(1) + 7) / 8 * 8; }

  // Beside whole numbers: codes [N, groups, 32] and their scales [N, groups].
  struct Codes {
    const int8_t* codes;
    const float* scales;
  };
  Codes codes();

 private:
  int64_t groups() const { return (x_.dim(1) + kGroup - 1) / kGroup; }

  Runtime& runtime_;
  Tensor x_;
  std::optional<Scratch> narrow_, codes_, scales_;
};

}  // namespace whorl::cuda
