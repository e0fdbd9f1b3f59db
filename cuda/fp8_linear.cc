// Linears whose weight is in FP8 E4M3, both ways, and the codes turned that the way back reduces over.
#include <algorithm>

#include "cuda/backend.h"
#include "cuda/fp8.h"
#include "cuda/kernels/gemm.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

size_t CudaBackend::gradient_layout_bytes(const PackedWeight& w) const {
  const CudaWeight& weight = as_cuda(w);
  const bool turns = weight.fp8() && runtime_->has_fp8() && weight.k % Runtime::Product::kFp8 == 0;
  return turns ? turned_bytes(weight) : 0;
}

// But for FP8, which the library reduces over neighbours alone, one copy serves both directions.
void CudaBackend::prepare_backward(PackedWeight& w) {
  CudaWeight& weight = as_cuda(w);
  if (gradient_layout_bytes(w) == 0) return;
  const std::lock_guard lock(turning_);
  if (!weight.turned.empty()) return;
  const Tensor turned = unset(DType::uint8, {weight.k, fp8_stride(weight.o)});
  turn_codes(*runtime_, codes_of(weight), turned.data<uint8_t>());
  weight.turned = turned;
}

Tensor CudaBackend::turned_codes(const CudaWeight& w) {
  const std::lock_guard lock(turning_);
  return w.turned;
}

namespace {
// Codes of both sides, multiplied one by one.
template <class Weights>
void multiply_codes(Runtime& runtime, const Fp8Product& its, Weights weights, int64_t n) {
  Gemm<AlongRows<Fp8Rows>, Weights> gemm;
  gemm.a.storage = its.x.as_rows(its.x_scales), gemm.b = weights, gemm.c = either_out(its.y);
  gemm.bias = Global<const float>(its.bias.data<float>());
  if (its.residual) gemm.residual = rows_of<const float>(*its.residual);
  gemm.m = its.x.rows, gemm.n = n, gemm.k = its.x.columns, gemm.accumulate = its.accumulate;
  launch(runtime, {pieces(gemm.m, gemm.kTile), pieces(n, gemm.kTile), gemm.kShared}, gemm);
}
}  // namespace

void CudaBackend::multiply_in_fp8(RoundedRows& x, const ops::LinearJob& job) {
  const CudaWeight& w = as_cuda(job.w);
  const RoundedRows::Fp8 rows = x.fp8();
  Fp8Product product;
  product.x = {rows.codes, x.whole().dim(0), w.k}, product.x_scales = rows.scales;
  product.w = codes_of(w), product.w_scales = w.scales.data<float>();
  product.y = job.y, product.bias = job.bias, product.residual = job.residual;
  if (multiply_fp8(*runtime_, product) || multiply_widened(*runtime_, product, false)) return;
  multiply_codes(*runtime_, product, AlongRows<Fp8Rows>{product.w.as_rows(product.w_scales)}, w.o);
}

size_t CudaBackend::multiply_in_fp8(RoundedRows& x, std::span<const ops::LinearJob> jobs, size_t first,
                                    const LoraParts* adapters) {
  const int64_t rows = x.whole().dim(0);
  size_t count = 0;
  while (count < jobs.size() && count < kProductJobs && reads_fp8(jobs[count].w, rows)) ++count;
  if (count > 0)
    multiply_few_in_fp8(x, jobs.first(count), first, adapters);
  else
    multiply_in_fp8(x, jobs[0]);
  return std::max<size_t>(count, 1);
}

// The scales of w's rows, which dy w reduces over, are in the rounded rows of dy: codes are left.
void CudaBackend::multiply_back_in_fp8(RoundedRows& dy, const CudaWeight& w, const Tensor& dx,
                                       bool accumulate) {
  const RoundedRows::Fp8 rows = dy.fp8_times(w.scales.data<float>());
  Fp8Product product;
  product.x = {rows.codes, dy.whole().dim(0), w.o}, product.x_scales = rows.scales;
  product.y = dx, product.accumulate = accumulate;
  if (suits_fp8(*runtime_, w.k, dx)) {
    Tensor kept = turned_codes(w);
    if (kept.empty()) {
      kept = unset(DType::uint8, {w.k, fp8_stride(w.o)});
      turn_codes(*runtime_, codes_of(w), kept.data<uint8_t>());
    }
    product.w = {kept.data<uint8_t>(), w.k, w.o}, product.w_scales = w.ones.data<float>();
    if (multiply_fp8(*runtime_, product)) return;
  }
  product.w = codes_of(w), product.w_scales = nullptr;
  if (multiply_widened(*runtime_, product, true)) return;
  multiply_codes(*runtime_, product, AlongColumns<Fp8Rows>{product.w.as_rows()}, w.k);
}

}  // namespace whorl::cuda
