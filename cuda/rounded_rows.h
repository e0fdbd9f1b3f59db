#pragma once
// Rows as products take them: rounded once for all the weights that ask, where the rows are made
// (rows_made.h) or when the first one asks.
#include <optional>

#include "cuda/kernels/rounded.h"
#include "cuda/packed.h"
#include "cuda/planned.h"
#include "tensor/tensor.h"

namespace whorl::cuda {

// In what forms products want their rows beside the one that is there.
struct RoundingNeeds {
  bool narrow = false, codes = false, fp8 = false;
};

class RoundedRows {
 public:
  RoundedRows(Runtime& runtime, const Tensor& x) : runtime_(runtime), x_(x) {}
  const Tensor& whole() const { return x_; }

  // Memory for what will be asked for: who takes it fills it before anybody asks. Rows that are bfloat16 and
  // lie as NVIDIA's library takes them are what they would be rounded to: they need none.
  RoundedStore take(const RoundingNeeds& needs);

  // Beside bfloat16 weights, as NVIDIA's library takes them: rows a multiple of 16 bytes apart.
  const uint16_t* narrow();
  int64_t narrow_step() const { return is_narrow() ? x_.row_stride() : (x_.dim(1) + 7) / 8 * 8; }

  // Beside whole numbers: codes [N, groups, 32] and their scales [N, groups].
  struct Codes {
    const int8_t* codes;
    const float* scales;
  };
  Codes codes();

  // Beside FP8 weights (fp8.h): codes [N, fp8_stride(K)] and their scales [N].
  struct Fp8 {
    const uint8_t* codes;
    const float* scales;
  };
  Fp8 fp8();
  // Each number multiplied by its column's factor first; for who asks first.
  Fp8 fp8_times(const float* factors);

 private:
  bool is_narrow() const;
  Fp8Store take_fp8();
  int64_t groups() const { return (x_.dim(1) + kGroup - 1) / kGroup; }

  Runtime& runtime_;
  Tensor x_;
  std::optional<Scratch> narrow_, codes_, scales_, fp8_codes_, fp8_scales_;
};

// Of kernels that have four neighbours a thread, or a row a block where FP8 is wanted.
Extent rounding_extent(int64_t rows, int64_t columns, const RoundedStore& to);
// x, rounded to where `to` says.
Planned<RoundRows> rounding(const Tensor& x, const RoundedStore& to);

}  // namespace whorl::cuda
