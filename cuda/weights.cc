// Packing weights and adapters, and taking them out again.
#include <algorithm>

#include "base/thread_pool.h"
#include "cuda/backend.h"
#include "ops/checks.h"
#include "ops/quantised_group.h"

namespace whorl::cuda {

namespace {
constexpr int64_t kLargestRank = 1024;  // a kernel keeps eight rows of s in shared memory

template <class Mine, class Base>
Mine& cast(Base& base, const char* what) {
  auto* mine = dynamic_cast<Mine*>(&base);
  base::check_argument(mine != nullptr, "[cuda] expected a ", what, " packed by the cuda backend");
  return *mine;
}

void check_weight(const char* op, const Tensor& w) {
  base::check_argument(!w.empty() && w.shape().size() == 2 && w.dim(0) > 0 && w.dim(1) > 0 &&
                           w.contiguous() && (w.dtype() == DType::float32 || w.dtype() == DType::bfloat16),
                       "[", op, "] expected a float32 or bfloat16 matrix [O, K], got ", name_of(w.dtype()),
                       " ", to_string(w.shape()));
}

void check_lora(const char* op, const Tensor& a, const Tensor& b) {
  ops::expect_matrix(op, "a", a);
  ops::expect_matrix(op, "b", b);
  base::check_argument(a.dim(0) > 0 && a.dim(0) == b.dim(1) && a.contiguous() && b.contiguous(), "[", op,
                       "] expected a [R, K] and b [O, R], got ", to_string(a.shape()), " and ",
                       to_string(b.shape()));
  base::check_argument(a.dim(0) <= kLargestRank, "[", op, "] expected a rank of at most ", kLargestRank,
                       ", got ", a.dim(0));
}

// Codes of one row as packed.h lays them out.
void place(const ops::RoundedGroup& group, bool int4, uint8_t* to) {
  for (int64_t j = 0; j < kGroup / 2; ++j) {
    const int low = group.codes[j], high = group.codes[j + kGroup / 2];
    if (int4) {
      to[j] = static_cast<uint8_t>((low + 8) | (high + 8) << 4);
    } else {
      to[j] = static_cast<uint8_t>(low), to[j + kGroup / 2] = static_cast<uint8_t>(high);
    }
  }
}
}  // namespace

const CudaWeight& as_cuda(const PackedWeight& weight) { return cast<const CudaWeight>(weight, "weight"); }
CudaWeight& as_cuda(PackedWeight& weight) { return cast<CudaWeight>(weight, "weight"); }
const CudaLora& as_cuda(const PackedLora& lora) { return cast<const CudaLora>(lora, "adapter"); }

Weight CudaBackend::pack(const Tensor& w, bool) {
  check_weight("pack", w);
  auto weight = std::make_shared<CudaWeight>();
  weight->o = w.dim(0), weight->k = w.dim(1), weight->values = to_device(w);
  return weight;
}

Weight CudaBackend::pack_quantized(const Tensor& w, ops::Quantize quantize) {
  check_weight("pack_quantized", w);
  base::check_argument(quantize != ops::Quantize::none, "[pack_quantized] expected int8 or int4, got none");
  auto weight = std::make_shared<CudaWeight>();
  weight->o = w.dim(0), weight->k = w.dim(1), weight->rounding = quantize;
  const bool int4 = quantize == ops::Quantize::int4;
  const int64_t groups = weight->groups(), bytes = int4 ? kGroup / 2 : kGroup;
  const Tensor codes = Tensor::zeros(DType::uint8, {weight->o, groups * bytes}),
               scales = Tensor::zeros(DType::float16, {weight->o, groups});
  base::ThreadPool::shared()->run(weight->o, [&](int64_t row) {
    for (int64_t g = 0; g < groups; ++g) {
      float x[kGroup];
      const int64_t n = std::min(kGroup, weight->k - g * kGroup), first = row * weight->k + g * kGroup;
      for (int64_t j = 0; j < n; ++j)
        x[j] = w.dtype() == DType::float32 ? w.data<float>()[first + j]
                                           : bf16_to_float(w.data<uint16_t>()[first + j]);
      const ops::RoundedGroup group = ops::round_group(x, n, quantize);
      place(group, int4, codes.data<uint8_t>() + (row * groups + g) * bytes);
      scales.data<uint16_t>()[row * groups + g] = group.scale;
    }
  });
  weight->codes = to_device(codes), weight->scales = to_device(scales);
  return weight;
}

// One copy serves both directions.
void CudaBackend::prepare_backward(PackedWeight& w) { as_cuda(w); }

void CudaBackend::repack(PackedWeight& w, const Tensor& host) {
  CudaWeight& weight = as_cuda(w);
  check_weight("repack", host);
  base::check_argument(weight.whole(), "[repack] expected a weight that is not quantised");
  ops::expect("repack", "w", host, {weight.o, weight.k}, weight.dtype());
  upload(host, weight.values);
}

void CudaBackend::fill_lora(CudaLora& lora, const Tensor& a, const Tensor& b, float scale) {
  const int64_t r = a.dim(0), o = b.dim(0);
  const Tensor turned = Tensor::zeros(DType::float32, {r, o});
  for (int64_t i = 0; i < o; ++i)
    for (int64_t j = 0; j < r; ++j) turned.data<float>()[j * o + i] = scale * b.data<float>()[i * r + j];
  lora.scale = scale;
  upload(a, lora.a);
  upload(turned, lora.bt);
}

Lora CudaBackend::pack_lora(const Tensor& a, const Tensor& b, float scale, DType) {
  check_lora("pack_lora", a, b);
  auto lora = std::make_shared<CudaLora>();
  lora->a = reserve(DType::float32, a.shape()), lora->bt = reserve(DType::float32, {a.dim(0), b.dim(0)});
  fill_lora(*lora, a, b, scale);
  return lora;
}

void CudaBackend::repack_lora(PackedLora& lora, const Tensor& a, const Tensor& b, float scale) {
  auto& mine = const_cast<CudaLora&>(as_cuda(static_cast<const PackedLora&>(lora)));
  check_lora("repack_lora", a, b);
  ops::expect("repack_lora", "a", a, mine.a.shape());
  ops::expect("repack_lora", "b", b, {mine.outputs(), mine.rank()});
  fill_lora(mine, a, b, scale);
}

}  // namespace whorl::cuda
