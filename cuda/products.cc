// Products with a packed weight: NVIDIA's library where it has an answer, else the kernels here.
#include "cuda/backend.h"
#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/gemm.h"
#include "cuda/kernels/quantised_product.h"
#include "cuda/kernels/rms_norm.h"
#include "cuda/rounded_rows.h"
#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
template <class A, class B>
void run(Runtime& runtime, Gemm<A, B> gemm) {
  launch(runtime, {pieces(gemm.m, gemm.kTile), pieces(gemm.n, gemm.kTile), gemm.kShared}, gemm);
}

// The library's answer to c = a op(w) + bias, w [O, K] float32 or bfloat16 at `w`.
bool ask_library(Runtime& runtime, RoundedRows& rows, const void* w, bool bfloat16, int64_t w_step,
                 bool transposed, const Tensor& bias, const Tensor& c, bool accumulate) {
  const Tensor& a = rows.whole();
  Runtime::Product p;
  p.m = a.dim(0), p.n = c.dim(1), p.k = a.dim(1);
  p.b = w, p.b_step = w_step, p.b_transposed = transposed, p.bfloat16 = bfloat16;
  p.c = c.data<float>(), p.c_step = c.row_stride();
  p.bias = bias.data<float>(), p.accumulate = accumulate;
  if (bfloat16)
    p.a = rows.narrow(), p.a_step = rows.narrow_step();
  else
    p.a = a.raw(), p.a_step = a.row_stride();
  return runtime.multiply(p);
}

// As wide as the rows need; from kManyRows on blocks are enough without several for one tile. The bits are
// the same.
constexpr int64_t kManyRows = 65;
template <class Kernel>
void run_codes(Runtime& runtime, const QuantisedCall& call) {
  launch(runtime, {pieces(call.outputs, Kernel::kOutputs), pieces(call.rows, Kernel::kRows), Kernel::kShared},
         Kernel{call});
}
template <class Codes>
void multiply_codes(Runtime& runtime, const QuantisedCall& call) {
  if (call.rows >= kManyRows) return run_codes<QuantisedManyRows<Codes>>(runtime, call);
  if (call.rows > 16) return run_codes<QuantisedFewRows<Codes, 4>>(runtime, call);
  if (call.rows > 8) return run_codes<QuantisedFewRows<Codes, 2>>(runtime, call);
  run_codes<QuantisedFewRows<Codes, 1>>(runtime, call);
}
}  // namespace

void CudaBackend::multiply(RoundedRows& rounded, const CudaWeight& w, const Tensor& bias, const Tensor& y) {
  const Tensor& x = rounded.whole();
  if (x.dim(0) == 0) return;
  if (!w.whole()) return multiply_quantised(rounded, w, bias, y);
  if (runtime_->has_library() && ask_library(*runtime_, rounded, w.values.raw(), w.dtype() == DType::bfloat16,
                                             w.k, true, bias, y, false))
    return;
  with_rows(w, [&](auto rows) {
    Gemm<AlongRows<Dense<const float>>, AlongRows<decltype(rows)>> gemm;
    gemm.a.storage = rows_of<const float>(x), gemm.b.storage = rows, gemm.c = rows_of(y);
    gemm.bias = Global<const float>(bias.data<float>());
    gemm.m = x.dim(0), gemm.n = w.o, gemm.k = w.k;
    run(*runtime_, gemm);
  });
}

void CudaBackend::multiply_quantised(RoundedRows& rounded, const CudaWeight& w, const Tensor& bias,
                                     const Tensor& y) {
  const RoundedRows::Codes x = rounded.codes();
  QuantisedCall call;
  call.weights = Global<const uint32_t>(reinterpret_cast<const uint32_t*>(w.codes.raw()));
  call.rows_codes = Global<const uint32_t>(reinterpret_cast<const uint32_t*>(x.codes));
  call.scales = Global<const uint16_t>(w.scales.data<uint16_t>());
  call.minima = Global<const uint16_t>(w.minima.data<uint16_t>());
  call.row_scales = Global<const float>(x.scales), call.bias = Global<const float>(bias.data<float>());
  call.y = rows_of(y), call.rows = y.dim(0), call.outputs = w.o, call.groups = w.groups();
  if (w.rounding == ops::Quantize::int8)
    multiply_codes<Int8Codes>(*runtime_, call);
  else if (w.minima.empty())
    multiply_codes<Int4Codes<false>>(*runtime_, call);
  else
    multiply_codes<Int4Codes<true>>(*runtime_, call);
}

void CudaBackend::multiply_back(const Tensor& dy, const CudaWeight& w, const Tensor& dx, bool accumulate) {
  if (dy.dim(0) == 0) return;
  RoundedRows rounded(*runtime_, dy);
  if (runtime_->has_library() && w.whole() &&
      ask_library(*runtime_, rounded, w.values.raw(), w.dtype() == DType::bfloat16, w.k, false, Tensor(), dx,
                  accumulate))
    return;
  with_rows(w, [&](auto rows) {
    if (runtime_->has_library() && !w.whole()) {  // widened once for the library
      const int64_t step = pieces(w.k, 8) * 8;
      const Scratch wide(*runtime_, static_cast<size_t>(w.o * step) * 2);
      Copy<decltype(rows), uint16_t> kernel;
      kernel.columns = w.k, kernel.from = rows, kernel.to = {Global<uint16_t>(wide.get<uint16_t>()), step};
      launch(*runtime_, per_element(w.o, w.k), kernel);
      if (ask_library(*runtime_, rounded, wide.get<uint16_t>(), true, step, false, Tensor(), dx, accumulate))
        return;
    }
    Gemm<AlongRows<Dense<const float>>, AlongColumns<decltype(rows)>> gemm;
    gemm.a.storage = rows_of<const float>(dy), gemm.b.storage = rows, gemm.c = rows_of(dx);
    gemm.m = dy.dim(0), gemm.n = w.k, gemm.k = w.o, gemm.accumulate = accumulate;
    run(*runtime_, gemm);
  });
}

void CudaBackend::reduce_rows(const Tensor& a, const Tensor& b, float scale, const Tensor& c) {
  Gemm<AlongColumns<Dense<const float>>, AlongColumns<Dense<const float>>> gemm;
  gemm.a.storage = rows_of<const float>(a), gemm.b.storage = rows_of<const float>(b), gemm.c = rows_of(c);
  gemm.m = c.dim(0), gemm.n = c.dim(1), gemm.k = a.dim(0), gemm.alpha = scale, gemm.accumulate = true;
  if (runtime_->has_library() && scale == 1.0f) {
    Runtime::Product p;
    p.m = gemm.m, p.n = gemm.n, p.k = gemm.k, p.a = a.raw(), p.b = b.raw(), p.c = c.data<float>();
    p.a_step = a.row_stride(), p.b_step = b.row_stride(), p.c_step = c.row_stride();
    p.a_transposed = true, p.accumulate = true;
    if (runtime_->multiply(p)) return;
  }
  run(*runtime_, gemm);
}

void CudaBackend::column_sums(const Tensor& x, const Tensor& sums) {
  ColumnSums<Itself> kernel;
  kernel.value = {rows_of<const float>(x)}, kernel.sums = Global<float>(sums.data<float>());
  kernel.rows = x.dim(0), kernel.columns = x.dim(1);
  launch(*runtime_, {pieces(x.dim(1), 32), 1, kernel.kShared}, kernel);
}

Tensor CudaBackend::unpack(const PackedWeight& w) {
  const CudaWeight& weight = as_cuda(w);
  Tensor out = Tensor::zeros(weight.whole() ? weight.dtype() : DType::float32, {weight.o, weight.k});
  unpack_rows(w, 0, out);
  return out;
}

// Those rows alone leave the device: a model's digest asks for a few at a time.
void CudaBackend::unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out) {
  CudaWeight part = as_cuda(w);
  part.o = out.dim(0);
  for (Tensor* rows : {&part.values, &part.codes, &part.scales, &part.minima})
    if (!rows->empty()) *rows = rows->rows(begin, begin + part.o);
  if (part.whole()) return download(part.values, out);
  const Tensor wide = unset(DType::float32, out.shape());
  with_rows(part, [&](auto rows) {
    Copy<decltype(rows), float> kernel;
    kernel.columns = part.k, kernel.from = rows, kernel.to = rows_of(wide);
    launch(*runtime_, per_element(part.o, part.k), kernel);
  });
  download(wide, out);
}

}  // namespace whorl::cuda
