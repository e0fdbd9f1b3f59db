#include <algorithm>

#include "cpu/backend.h"
#include "cpu/checks.h"

namespace whorl::cpu {

namespace {
constexpr int64_t kGrain = 1 << 14;  // numbers that are worth a task
}  // namespace

void CpuBackend::rms_norm(const Tensor& x, const Tensor& gain, float epsilon, int64_t groups, const Tensor& y,
                          const Tensor& rstd) {
  const int64_t size = group_size("rms_norm", x, groups), n = x.dim(0);
  expect("rms_norm", "gain", gain, {size});
  expect("rms_norm", "y", y, x.shape());
  expect_optional("rms_norm", "rstd", rstd, {n, groups});
  parallel(n, kGrain / (x.dim(1) + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t g = 0; g < groups; ++g) {
        const float* from = x.data<float>() + i * x.row_stride() + g * size;
        float* to = y.data<float>() + i * y.row_stride() + g * size;
        const float value = kernels_.rms_norm(size, from, gain.data<float>(), epsilon, to);
        if (!rstd.empty()) rstd.data<float>()[i * rstd.row_stride() + g] = value;
      }
  });
}

void CpuBackend::rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                                   int64_t groups, const Tensor& dx, bool accumulate, const Tensor& dgain) {
  const int64_t size = group_size("rms_norm_backward", x, groups), n = x.dim(0);
  expect("rms_norm_backward", "dy", dy, x.shape());
  expect("rms_norm_backward", "gain", gain, {size});
  expect("rms_norm_backward", "rstd", rstd, {n, groups});
  expect_optional("rms_norm_backward", "dx", dx, x.shape());
  expect_optional("rms_norm_backward", "dgain", dgain, {size});
  const auto rstd_at = [&](int64_t i, int64_t g) { return rstd.data<float>()[i * rstd.row_stride() + g]; };
  // First the gains: dx may share memory with dy. Threads share columns, each adds its rows in order.
  if (!dgain.empty())
    parallel((size + 63) / 64, 1 + kGrain / (64 * n * groups + 1), [&](int64_t begin, int64_t end) {
      const int64_t first = begin * 64, columns = std::min(end * 64, size) - first;
      for (int64_t i = 0; i < n; ++i)
        for (int64_t g = 0; g < groups; ++g)
          kernels_.rms_norm_gain(columns, dy.data<float>() + i * dy.row_stride() + g * size + first,
                                 x.data<float>() + i * x.row_stride() + g * size + first, rstd_at(i, g),
                                 dgain.data<float>() + first);
    });
  if (dx.empty()) return;
  parallel(n, kGrain / (x.dim(1) + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t g = 0; g < groups; ++g)
        kernels_.rms_norm_gradient(size, dy.data<float>() + i * dy.row_stride() + g * size,
                                   x.data<float>() + i * x.row_stride() + g * size, gain.data<float>(),
                                   rstd_at(i, g), dx.data<float>() + i * dx.row_stride() + g * size,
                                   accumulate);
  });
}

}  // namespace whorl::cpu
