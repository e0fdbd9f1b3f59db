#pragma once
// What ops of rows check of their arguments, alone and where products follow.
#include "ops/checks.h"

namespace whorl::cuda {

// The channels of a group.
inline int64_t check_rms_norm(const Tensor& x, const Tensor& gain, int64_t groups, const Tensor& y,
                              const Tensor& rstd) {
  const int64_t size = ops::group_size("rms_norm", x, groups, true);
  ops::expect("rms_norm", "gain", gain, {size});
  ops::expect_rows("rms_norm", "y", y, x.shape());
  ops::expect_optional("rms_norm", "rstd", rstd, {x.dim(0), groups});
  return size;
}

inline void check_swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) {
  ops::expect_rows("swiglu", "gate", gate);
  ops::expect_like("swiglu", "up", up, gate);
  ops::expect_like("swiglu", "h", h, gate);
}

inline void check_rope(const char* op, const Tensor& x, std::span<const int32_t> positions,
                       const Tensor& table, int64_t head_size) {
  ops::expect_rows(op, "x", x);
  ops::expect_count(op, "positions, one per row", positions.size(), x.dim(0));
  base::check_argument(head_size > 0 && head_size % 2 == 0 && x.dim(1) % head_size == 0, "[", op,
                       "] expected an even head size that divides ", x.dim(1), " channels, got ", head_size);
  ops::expect_matrix(op, "table", table);
  ops::expect(op, "table", table, {table.dim(0), head_size});
  ops::expect_below(op, "positions", positions, table.dim(0));
}

// Products of x: linear.cc.
void check_jobs(const Tensor& x, std::span<const ops::LinearJob> jobs);

}  // namespace whorl::cuda
