// add, rope, swiglu: rows shared out among threads, no row knows another.
#include "cpu/backend.h"
#include "cpu/checks.h"

namespace whorl::cpu {

namespace {
constexpr int64_t kGrain = 1 << 13;  // numbers that are worth a task

float* row_of(const Tensor& t, int64_t i) { return t.data<float>() + i * t.row_stride(); }
}  // namespace

void CpuBackend::add(const Tensor& x, const Tensor& y) {
  expect_matrix("add", "x", x);
  expect("add", "y", y, x.shape());
  parallel(x.dim(0), kGrain / (x.dim(1) + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) kernels_.add(x.dim(1), row_of(x, i), row_of(y, i));
  });
}

void CpuBackend::rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table,
                      int64_t head_size, bool inverse) {
  expect_matrix("rope", "x", x);
  expect_count("rope", "positions, one per row", positions.size(), x.dim(0));
  base::check_argument(head_size > 0 && head_size % 2 == 0 && x.dim(1) % head_size == 0,
                       "[rope] expected an even head size that divides ", x.dim(1), " channels, got ",
                       head_size);
  expect_matrix("rope", "table", table);
  expect("rope", "table", table, {table.dim(0), head_size});
  expect_below("rope", "positions", positions, table.dim(0));
  parallel(x.dim(0), kGrain / (x.dim(1) + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* angles = row_of(table, positions[static_cast<size_t>(i)]);
      for (int64_t c = 0; c < x.dim(1); c += head_size)
        kernels_.rotate(head_size / 2, row_of(x, i) + c, angles, inverse);
    }
  });
}

void CpuBackend::swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) {
  expect_matrix("swiglu", "gate", gate);
  expect("swiglu", "up", up, gate.shape());
  expect("swiglu", "h", h, gate.shape());
  parallel(gate.dim(0), kGrain / (gate.dim(1) + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      kernels_.swiglu(gate.dim(1), row_of(gate, i), row_of(up, i), row_of(h, i));
  });
}

void CpuBackend::swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up, const Tensor& h) {
  expect_matrix("swiglu_backward", "gate", gate);
  expect("swiglu_backward", "dh", dh, gate.shape());
  expect("swiglu_backward", "up", up, gate.shape());
  expect_optional("swiglu_backward", "h", h, gate.shape());
  parallel(gate.dim(0), kGrain / (gate.dim(1) + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      kernels_.swiglu_gradient(gate.dim(1), row_of(dh, i), row_of(gate, i), row_of(up, i),
                               h.empty() ? nullptr : row_of(h, i));
  });
}

}  // namespace whorl::cpu
