// Packing weights in FP8 E4M3, on the host.
#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "cuda/backend.h"
#include "ops/fp8.h"

namespace whorl::cuda {

Weight CudaBackend::pack_fp8(const Tensor& w) {
  auto weight = std::make_shared<CudaWeight>();
  weight->o = w.dim(0), weight->k = w.dim(1), weight->rounding = ops::Quantize::fp8;
  const int64_t k = weight->k, stride = fp8_stride(k);
  const Tensor codes = Tensor::zeros(DType::uint8, {weight->o, stride}),
               scales = Tensor::zeros(DType::float32, {weight->o, 1}),
               ones = Tensor::zeros(DType::float32, {1, k});
  std::fill_n(ones.data<float>(), k, 1.0f);
  base::ThreadPool::shared()->run(weight->o, [&](int64_t row) {
    const auto at = [&](int64_t i) {
      return w.dtype() == DType::float32 ? w.data<float>()[row * k + i]
                                         : bf16_to_float(w.data<uint16_t>()[row * k + i]);
    };
    float most = 0;
    for (int64_t i = 0; i < k; ++i) most = std::abs(at(i)) > most ? std::abs(at(i)) : most;
    const float scale = ops::fp8_scale(most);
    scales.data<float>()[row] = scale;
    for (int64_t i = 0; i < k; ++i)
      codes.data<uint8_t>()[row * stride + i] = ops::fp8_code(at(i), 1.0f / scale);
  });
  weight->codes = to_device(codes), weight->scales = to_device(scales), weight->ones = to_device(ones);
  return weight;
}

}  // namespace whorl::cuda
