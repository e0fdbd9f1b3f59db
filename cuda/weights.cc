// Packing weights and adapters, and taking them out again.
#include <algorithm>
#include <typeinfo>

#include "base/thread_pool.h"
#include "cuda/backend.h"
#include "ops/checks.h"
#include "ops/quantised_group.h"

namespace whorl::cuda {

namespace {
constexpr int64_t kLargestRank = 1024;  // a kernel keeps eight rows of s in shared memory

template <class Mine, class Base>
Mine& cast(Base& base, const char* what) {
  // Final, so that its type is all there is to ask: a step asks thousands of times.
  base::check_argument(typeid(base) == typeid(Mine), "[cuda] expected a ", what,
                       " packed by the cuda backend");
  return static_cast<Mine&>(base);
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

// A group's codes, as they are stored, where packed.h has them.
void place(const uint8_t (&codes)[kGroup], bool int4, uint8_t* to) {
  for (int64_t j = 0; j < kGroup / 2; ++j) {
    const uint8_t low = codes[j], high = codes[j + kGroup / 2];
    if (int4) {
      to[j] = static_cast<uint8_t>(low | high << 4);
    } else {
      to[j] = low, to[j + kGroup / 2] = high;
    }
  }
}

void place(const ops::RoundedGroup& group, bool int4, uint8_t* to) {
  uint8_t codes[kGroup];
  for (int64_t j = 0; j < kGroup; ++j) codes[j] = static_cast<uint8_t>(group.codes[j] + (int4 ? 8 : 0));
  place(codes, int4, to);
}

// Group `group` of a row of codes; zeros past the last input.
void read_group(const ops::QuantizedMatrix& w, int64_t row, int64_t group, uint8_t (&codes)[kGroup]) {
  const bool int4 = w.quantize == ops::Quantize::int4;
  std::fill_n(codes, kGroup, static_cast<uint8_t>(int4 && w.minima.empty() ? 8 : 0));
  const uint8_t* from = w.codes.data<uint8_t>() + row * w.codes.dim(1);
  const int64_t first = group * kGroup, last = std::min(first + kGroup, w.inputs);
  for (int64_t k = first; k < last; ++k)
    codes[k - first] = int4 ? static_cast<uint8_t>(from[k / 2] >> k % 2 * 4 & 15) : from[k];
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
  base::check_argument(quantize != ops::Quantize::none,
                       "[pack_quantized] expected int8, int4 or fp8, got none");
  if (quantize == ops::Quantize::fp8) return pack_fp8(w);
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

Weight CudaBackend::pack_quantized(const ops::QuantizedMatrix& w) {
  ops::expect_codes(w);
  auto weight = std::make_shared<CudaWeight>();
  weight->o = w.codes.dim(0), weight->k = w.inputs, weight->rounding = w.quantize;
  const bool int4 = w.quantize == ops::Quantize::int4;
  const int64_t groups = weight->groups(), bytes = int4 ? kGroup / 2 : kGroup;
  const Tensor codes = Tensor::zeros(DType::uint8, {weight->o, groups * bytes});
  base::ThreadPool::shared()->run(weight->o, [&](int64_t row) {
    for (int64_t g = 0; g < groups; ++g) {
      uint8_t group[kGroup];
      read_group(w, row, g, group);
      place(group, int4, codes.data<uint8_t>() + (row * groups + g) * bytes);
    }
  });
  weight->codes = to_device(codes), weight->scales = to_device(w.scales);
  if (!w.minima.empty()) weight->minima = to_device(w.minima);
  return weight;
}

void CudaBackend::repack(PackedWeight& w, const Tensor& host) {
  CudaWeight& weight = as_cuda(w);
  check_weight("repack", host);
  base::check_argument(weight.whole(), "[repack] expected a weight that is not quantised");
  ops::expect("repack", "w", host, {weight.o, weight.k}, weight.dtype());
  upload(host, weight.values);
}

namespace {
// body(i) for n numbers, on all threads.
template <class Body>
void for_each_number(int64_t n, const Body& body) {
  constexpr int64_t kBlock = 1 << 12;
  base::ThreadPool::shared()->run((n + kBlock - 1) / kBlock, [&](int64_t block) {
    for (int64_t i = block * kBlock; i < std::min(n, (block + 1) * kBlock); ++i) body(i);
  });
}

Tensor as(DType dtype, const Tensor& x) {
  if (dtype == DType::float32) return x;
  const Tensor out = Tensor::zeros(dtype, x.shape());
  for_each_number(x.numel(), [&](int64_t i) { out.data<uint16_t>()[i] = float_to_bf16(x.data<float>()[i]); });
  return out;
}

// (scale b)^T.
Tensor turned(const Tensor& b, float scale) {
  const int64_t o = b.dim(0), r = b.dim(1);
  const Tensor out = Tensor::zeros(DType::float32, {r, o});
  for_each_number(o, [&](int64_t i) {
    for (int64_t j = 0; j < r; ++j) out.data<float>()[j * o + i] = scale * b.data<float>()[i * r + j];
  });
  return out;
}
}  // namespace

void CudaBackend::fill_lora(CudaLora& lora, const Tensor& a, const Tensor& b, float scale) {
  lora.scale = scale;
  upload(as(lora.dtype(), a), lora.a);
  upload(as(lora.dtype(), turned(b, scale)), lora.bt);
}

Lora CudaBackend::pack_lora(const Tensor& a, const Tensor& b, float scale, DType base) {
  check_lora("pack_lora", a, b);
  auto lora = std::make_shared<CudaLora>();
  lora->rounds = base != DType::float32;
  lora->a = unset(lora->dtype(), a.shape()), lora->bt = unset(lora->dtype(), {a.dim(0), b.dim(0)});
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
