// add, rope, swiglu: a thread per element, no row knows another.
#include "cuda/kernels/elementwise.h"

#include "cuda/backend.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

using ops::expect, ops::expect_matrix, ops::expect_optional;

void CudaBackend::add(const Tensor& x, const Tensor& y) {
  expect_matrix("add", "x", x);
  expect("add", "y", y, x.shape());
  Add kernel;
  kernel.columns = x.dim(1), kernel.x = rows_of<const float>(x), kernel.y = rows_of(y);
  launch(*runtime_, per_element(x.dim(0), x.dim(1)), kernel);
}

void CudaBackend::rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table,
                       int64_t head_size, bool inverse) {
  expect_matrix("rope", "x", x);
  ops::expect_count("rope", "positions, one per row", positions.size(), x.dim(0));
  base::check_argument(head_size > 0 && head_size % 2 == 0 && x.dim(1) % head_size == 0,
                       "[rope] expected an even head size that divides ", x.dim(1), " channels, got ",
                       head_size);
  expect_matrix("rope", "table", table);
  expect("rope", "table", table, {table.dim(0), head_size});
  ops::expect_below("rope", "positions", positions, table.dim(0));
  const Sent places = Sent::of(lists_, positions);  // the same for all layers
  Rope kernel;
  kernel.columns = x.dim(1) / 2, kernel.x = rows_of(x), kernel.table = rows_of<const float>(table);
  kernel.positions = Global<const int32_t>(places.at<int32_t>());
  kernel.half = head_size / 2, kernel.inverse = inverse;
  launch(*runtime_, per_element(x.dim(0), kernel.columns), kernel);
}

void CudaBackend::swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) {
  expect_matrix("swiglu", "gate", gate);
  expect("swiglu", "up", up, gate.shape());
  expect("swiglu", "h", h, gate.shape());
  Swiglu kernel;
  kernel.columns = gate.dim(1), kernel.gate = rows_of<const float>(gate),
  kernel.up = rows_of<const float>(up);
  kernel.h = rows_of(h);
  launch(*runtime_, per_element(gate.dim(0), gate.dim(1)), kernel);
}

void CudaBackend::swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up, const Tensor& h) {
  expect_matrix("swiglu_backward", "gate", gate);
  expect("swiglu_backward", "dh", dh, gate.shape());
  expect("swiglu_backward", "up", up, gate.shape());
  expect_optional("swiglu_backward", "h", h, gate.shape());
  SwigluBackward kernel;
  kernel.columns = gate.dim(1), kernel.dh = rows_of<const float>(dh), kernel.gate = rows_of(gate);
  kernel.up = rows_of(up), kernel.h = rows_of(h);
  launch(*runtime_, per_element(gate.dim(0), gate.dim(1)), kernel);
}

}  // namespace whorl::cuda
