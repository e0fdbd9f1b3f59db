// add, rope, swiglu: a thread per element, no row knows another.
#include "cuda/kernels/elementwise.h"

#include "cuda/backend.h"
#include "cuda/row_checks.h"
#include "cuda/rows_made.h"
#include "target/launch.h"

namespace whorl::cuda {

using ops::expect, ops::expect_matrix;

void CudaBackend::add(const Tensor& x, const Tensor& y) {
  expect_matrix("add", "x", x);
  expect("add", "y", y, x.shape());
  Add kernel;
  kernel.columns = x.dim(1), kernel.x = rows_of<const float>(x), kernel.y = rows_of(y);
  launch(*runtime_, per_element(x.dim(0), x.dim(1)), kernel);
}

void CudaBackend::rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table,
                       int64_t head_size, bool inverse) {
  ropes({&x, 1}, positions, table, head_size, inverse);
}

void CudaBackend::ropes(std::span<const Tensor> all, std::span<const int32_t> positions, const Tensor& table,
                        int64_t head_size, bool inverse) {
  for (const Tensor& x : all) check_rope("rope", x, positions, table, head_size);
  const Sent places = Sent::of(lists_, positions);  // the same for all layers
  Rope kernel;
  kernel.turn = {rows_of<const float>(table), Global<const int32_t>(places.at<int32_t>()), head_size / 2,
                 inverse};
  for (size_t i = 0; i < all.size(); i += 2) {
    const Tensor &x = all[i], &second = i + 1 < all.size() ? all[i + 1] : Tensor();
    kernel.x = either_out(x), kernel.first_pairs = kernel.columns = x.dim(1) / 2;
    if (!second.empty()) kernel.second = either_out(second), kernel.columns += second.dim(1) / 2;
    launch(*runtime_, per_four(x.dim(0), kernel.columns), kernel);
  }
}

void CudaBackend::swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) {
  check_swiglu(gate, up, h);
  launch(*runtime_, RowsOfSwiglu{gate, up, h}.making({}));
}

void CudaBackend::swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up, const Tensor& h) {
  ops::expect_rows("swiglu_backward", "gate", gate);
  ops::expect_like("swiglu_backward", "dh", dh, gate);
  ops::expect_like("swiglu_backward", "up", up, gate);
  if (!h.empty()) ops::expect_like("swiglu_backward", "h", h, gate);
  SwigluBackward kernel;
  kernel.columns = gate.dim(1), kernel.dh = either(dh), kernel.gate = either_out(gate);
  kernel.up = either_out(up), kernel.h = either_out(h);
  launch(*runtime_, per_four(gate.dim(0), gate.dim(1)), kernel);
}

}  // namespace whorl::cuda
