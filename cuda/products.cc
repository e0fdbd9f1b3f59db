// Products with a packed weight: NVIDIA's library where it has an answer, else the kernels here.
#include "cuda/backend.h"
#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/gemm.h"
#include "cuda/kernels/product_ends.h"
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

// c = a op(w), w [O, K] float32 or bfloat16 at `w`, as the library is asked for it.
Runtime::Product product_of(RoundedRows& rows, const void* w, bool bfloat16, int64_t w_step, bool transposed,
                            const Tensor& c) {
  const Tensor& a = rows.whole();
  Runtime::Product p;
  p.m = a.dim(0), p.n = c.dim(1), p.k = a.dim(1);
  p.b = w, p.b_step = w_step, p.b_transposed = transposed, p.bfloat16 = bfloat16;
  p.c = c.raw(), p.c_step = c.row_stride(), p.c_bfloat16 = c.dtype() == DType::bfloat16;
  if (bfloat16)
    p.a = rows.narrow(), p.a_step = rows.narrow_step();
  else
    p.a = a.raw(), p.a_step = a.row_stride();
  return p;
}

// From the first number of one to the first of the other.
int64_t apart(const Tensor& from, const Tensor& to) {
  return (to.data<char>() - from.data<char>()) / static_cast<int64_t>(size_of(from.dtype()));
}

bool below(const Tensor& a, const Tensor& b) { return a.data<char>() < b.data<char>(); }

// Whether the second product may be the library's together with the first: of the same shape, and all of it
// lies behind the first one's.
bool follows(const ops::LinearJob& first, const ops::LinearJob& second) {
  const CudaWeight &v = as_cuda(first.w), &w = as_cuda(second.w);
  return v.whole() && w.whole() && v.dtype() == w.dtype() && v.o == w.o && v.k == w.k && !first.residual &&
         !second.residual && first.y.dtype() == second.y.dtype() &&
         first.y.row_stride() == second.y.row_stride() && below(first.y, second.y) &&
         !below(w.values, v.values) && first.bias.empty() == second.bias.empty() &&
         !below(second.bias, first.bias);
}
}  // namespace

// Neighbours that may share a launch do.
void CudaBackend::multiply(RoundedRows& x, std::span<const ops::LinearJob> jobs, const LoraParts* adapters) {
  const bool library = runtime_->has_library();
  for (size_t i = 0, count = 1; i < jobs.size(); i += count) {
    const auto left = jobs.subspan(i);
    const auto rounding = as_cuda(left[0].w).rounding;
    const bool whole = rounding == ops::Quantize::none, pairs = reads_pairs(left[0].w, x.whole().dim(0));
    count = 1;
    if (rounding == ops::Quantize::fp8) {
      count = multiply_in_fp8(x, left, i, adapters);
    } else if (pairs || !whole) {
      const auto alike = [&](const PackedWeight& w) {
        return pairs ? reads_pairs(w, x.whole().dim(0)) : as_cuda(w).rounding == rounding;
      };
      while (count < left.size() && count < kProductJobs && alike(left[count].w)) ++count;
      pairs ? multiply_pairs(x, left.first(count), i, adapters)
            : multiply_quantised(x, left.first(count), i, adapters);
    } else if (library && left.size() > 1 && ask_library_for_both(x, left[0], left[1])) {
      count = 2;
    } else if (!library || !ask_library(x, left[0], left[0])) {
      multiply_here(x, left[0]);
    }
  }
}

// As one, whichever of them comes first in memory.
bool CudaBackend::ask_library_for_both(RoundedRows& x, const ops::LinearJob& a, const ops::LinearJob& b) {
  if (follows(a, b)) return ask_library(x, a, b);
  return follows(b, a) && ask_library(x, b, a);
}

bool CudaBackend::ask_library(RoundedRows& x, const ops::LinearJob& first, const ops::LinearJob& last) {
  const CudaWeight &w = as_cuda(first.w), &next = as_cuda(last.w);
  const bool bfloat16 = w.dtype() == DType::bfloat16;
  Runtime::Product p = product_of(x, w.values.raw(), bfloat16, w.k, true, first.y);
  if (first.residual)
    p.residual = first.residual->data<float>(), p.residual_step = first.residual->row_stride();
  p.count = &first == &last ? 1 : 2;
  p.b_apart = apart(w.values, next.values), p.c_apart = apart(first.y, last.y);
  if (first.bias.empty() || !p.c_bfloat16) {
    p.bias = first.bias.raw(), p.bias_apart = first.bias.empty() ? 0 : apart(first.bias, last.bias);
    return runtime_->multiply(p);
  }
  // The library adds what it writes: biases in bfloat16.
  const Scratch biases(*runtime_, static_cast<size_t>(p.count * p.n) * 2);
  Copy<Dense<const float>, uint16_t> kernel;
  kernel.columns = p.n,
  kernel.from = {Global<const float>(first.bias.data<float>()), apart(first.bias, last.bias)};
  kernel.to = {Global<uint16_t>(biases.get<uint16_t>()), p.n};
  launch(*runtime_, per_element(p.count, p.n), kernel);
  p.bias = biases.get<uint16_t>(), p.bias_apart = p.count > 1 ? p.n : 0;
  return runtime_->multiply(p);
}

void CudaBackend::multiply_here(const RoundedRows& x, const ops::LinearJob& job) {
  with_rows(as_cuda(job.w), [&](auto rows) {
    Gemm<AlongRows<EitherRows>, AlongRows<decltype(rows)>> gemm;
    gemm.a.storage = either(x.whole()), gemm.b.storage = rows, gemm.c = either_out(job.y);
    gemm.bias = Global<const float>(job.bias.data<float>());
    if (job.residual) gemm.residual = rows_of<const float>(*job.residual);
    gemm.m = x.whole().dim(0), gemm.n = job.w.outputs(), gemm.k = job.w.inputs();
    run(*runtime_, gemm);
  });
}

void CudaBackend::multiply_back(RoundedRows& rounded, const CudaWeight& w, const Tensor& dx,
                                bool accumulate) {
  const Tensor& dy = rounded.whole();
  if (dy.dim(0) == 0) return;
  if (w.fp8()) return multiply_back_in_fp8(rounded, w, dx, accumulate);
  const auto library = [&](const void* at, bool bfloat16, int64_t step) {
    Runtime::Product p = product_of(rounded, at, bfloat16, step, false, dx);
    p.accumulate = accumulate;
    return runtime_->multiply(p);
  };
  if (runtime_->has_library() && w.whole() && library(w.values.raw(), w.dtype() == DType::bfloat16, w.k))
    return;
  with_rows(w, [&](auto rows) {
    if (runtime_->has_library() && !w.whole()) {  // widened once for the library
      const int64_t step = pieces(w.k, 8) * 8;
      const Scratch wide(*runtime_, static_cast<size_t>(w.o * step) * 2);
      Copy<decltype(rows), uint16_t> kernel;
      kernel.columns = w.k, kernel.from = rows, kernel.to = {Global<uint16_t>(wide.get<uint16_t>()), step};
      launch(*runtime_, per_element(w.o, w.k), kernel);
      if (library(wide.get<uint16_t>(), true, step)) return;
    }
    Gemm<AlongRows<EitherRows>, AlongColumns<decltype(rows)>> gemm;
    gemm.a.storage = either(dy), gemm.b.storage = rows, gemm.c = either_out(dx);
    gemm.m = dy.dim(0), gemm.n = w.k, gemm.k = w.o, gemm.accumulate = accumulate;
    run(*runtime_, gemm);
  });
}

void CudaBackend::reduce_rows(const Tensor& a, const Tensor& b, float scale, const Tensor& c) {
  Gemm<AlongColumns<EitherRows>, AlongColumns<EitherRows>> gemm;
  gemm.a.storage = either(a), gemm.b.storage = either(b), gemm.c = either_out(c);
  gemm.m = c.dim(0), gemm.n = c.dim(1), gemm.k = a.dim(0), gemm.alpha = scale, gemm.accumulate = true;
  if (runtime_->has_library() && scale == 1.0f) {
    Runtime::Product p;
    RoundedRows left(*runtime_, a), right(*runtime_, b);
    p.m = gemm.m, p.n = gemm.n, p.k = gemm.k, p.c = c.raw(), p.c_step = c.row_stride();
    p.bfloat16 = a.dtype() == DType::bfloat16 || b.dtype() == DType::bfloat16;
    if (p.bfloat16) {
      p.a = left.narrow(), p.a_step = left.narrow_step(), p.b = right.narrow(),
      p.b_step = right.narrow_step();
    } else {
      p.a = a.raw(), p.a_step = a.row_stride(), p.b = b.raw(), p.b_step = b.row_stride();
    }
    p.a_transposed = true, p.accumulate = true;
    if (runtime_->multiply(p)) return;
  }
  run(*runtime_, gemm);
}

void CudaBackend::column_sums(const Tensor& x, const Tensor& sums) {
  ColumnSums<Itself> kernel;
  kernel.value = {either(x)}, kernel.sums = Global<float>(sums.data<float>());
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
