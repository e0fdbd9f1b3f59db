#include "cuda/kernels/rms_norm.h"

#include "cuda/backend.h"
#include "cuda/row_checks.h"
#include "cuda/rows_made.h"
#include "target/launch.h"

namespace whorl::cuda {

using ops::expect, ops::expect_optional;

namespace {

Global<const float> gains(const Tensor& gain) { return Global<const float>(gain.data<float>()); }

template <class Kernel>
void fill(Kernel& kernel, const Tensor& x, const Tensor& gain, int64_t size, int64_t groups) {
  kernel.x = either(x), kernel.gain = gains(gain), kernel.size = size, kernel.groups = groups;
}

template <int Warps>
void forward_groups(Runtime& runtime, const Tensor& x, const Tensor& gain, float epsilon, int64_t groups,
                    const Tensor& y, const Tensor& rstd) {
  RmsNorm<Warps> kernel;
  fill(kernel, x, gain, x.dim(1) / groups, groups);
  kernel.y = either_out(y), kernel.rstd = rows_of(rstd), kernel.epsilon = epsilon;
  launch(runtime, {x.dim(0) * groups, 1, kernel.kShared}, kernel);
}

template <int Warps>
void backward(Runtime& runtime, const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
              int64_t groups, const Tensor& dx, bool accumulate) {
  RmsNormBackward<Warps> kernel;
  fill(kernel, x, gain, x.dim(1) / groups, groups);
  kernel.dy = either(dy), kernel.rstd = rows_of<const float>(rstd);
  kernel.dx = either_out(dx), kernel.accumulate = accumulate;
  launch(runtime, {x.dim(0) * groups, 1, kernel.kShared}, kernel);
}
}  // namespace

void CudaBackend::rms_norm(const Tensor& x, const Tensor& gain, float epsilon, int64_t groups,
                           const Tensor& y, const Tensor& rstd) {
  const int64_t size = check_rms_norm(x, gain, groups, y, rstd);
  if (groups == 1) return launch(*runtime_, RowsOfNorm{x, gain, epsilon, y, rstd}.making({}));
  (size <= kSmallNorm ? forward_groups<1> : forward_groups<8>)(*runtime_, x, gain, epsilon, groups, y, rstd);
}

void CudaBackend::rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                                    int64_t groups, const Tensor& dx, bool accumulate, const Tensor& dgain) {
  const int64_t size = ops::group_size("rms_norm_backward", x, groups, true), n = x.dim(0);
  ops::expect_rows("rms_norm_backward", "dy", dy, x.shape());
  expect("rms_norm_backward", "gain", gain, {size});
  expect("rms_norm_backward", "rstd", rstd, {n, groups});
  if (!dx.empty()) ops::expect_rows("rms_norm_backward", "dx", dx, x.shape());
  expect_optional("rms_norm_backward", "dgain", dgain, {size});
  // First the gains: dx may share memory with dy.
  if (!dgain.empty()) {
    ColumnSums<GainGradient> kernel;
    kernel.value = {either(dy), either(x), rows_of<const float>(rstd), size};
    kernel.sums = Global<float>(dgain.data<float>());
    kernel.rows = n, kernel.groups = groups, kernel.columns = size;
    launch(*runtime_, {pieces(size, 32), 1, kernel.kShared}, kernel);
  }
  if (dx.empty()) return;
  (size <= kSmallNorm ? backward<1> : backward<8>)(*runtime_, dy, x, gain, rstd, groups, dx, accumulate);
}

}  // namespace whorl::cuda
