// Products of FP8 E4M3. Three ways, one meaning, since every scale is a power of two and every code a number
// of bfloat16: NVIDIA's library with scales of rows and columns (Hopper); its sums of codes, to which a
// kernel here brings scales, bias and residual, in FP8 (Ada, Blackwell, a bias) or widened to bfloat16
// (Ampere, odd shapes); and without it a kernel here.
#include "cuda/fp8.h"

#include <algorithm>
#include <optional>

#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

Fp8Store RoundedRows::take_fp8() {
  const int64_t n = x_.dim(0), stride = fp8_stride(x_.dim(1));
  fp8_codes_.emplace(runtime_, static_cast<size_t>(n * stride));
  fp8_scales_.emplace(runtime_, static_cast<size_t>(n) * 4);
  return {Global<uint32_t>(fp8_codes_->get<uint32_t>()), Global<float>(fp8_scales_->get<float>()), stride};
}

RoundedRows::Fp8 RoundedRows::fp8() {
  if (!fp8_codes_) launch(runtime_, rounding(x_, take({.fp8 = true})));
  return {fp8_codes_->get<uint8_t>(), fp8_scales_->get<float>()};
}

RoundedRows::Fp8 RoundedRows::fp8_times(const float* factors) {
  if (!fp8_codes_) {
    RoundToFp8 kernel;
    kernel.x = either(x_), kernel.factors = Global<const float>(factors), kernel.columns = x_.dim(1);
    kernel.to = take_fp8();
    launch(runtime_, Extent{x_.dim(0), 1, RoundToFp8::kShared}, kernel);
  }
  return {fp8_codes_->get<uint8_t>(), fp8_scales_->get<float>()};
}

namespace {
int64_t multiple_of_four(int64_t n) { return (n + 3) / 4 * 4; }

// What the library makes are sums of codes; what comes behind them is added here.
bool finish_here(Runtime& runtime, const Fp8Product& its, Runtime::Product sums) {
  std::optional<Scratch> apart;
  float* at = its.y.data<float>();
  sums.c_step = its.y.row_stride();
  if (its.accumulate || its.y.dtype() != DType::float32) {
    sums.c_step = multiple_of_four(sums.n);
    at = apart.emplace(runtime, static_cast<size_t>(sums.m * sums.c_step) * 4).get<float>();
  }
  sums.c = at;
  if (!runtime.multiply(sums)) return false;
  FinishSums kernel;
  kernel.columns = sums.n, kernel.sums = {Global<const float>(at), sums.c_step};
  kernel.row_scales = Global<const float>(its.x_scales);
  kernel.column_scales = Global<const float>(its.w_scales);
  kernel.bias = Global<const float>(its.bias.data<float>()), kernel.y = either_out(its.y);
  if (its.residual) kernel.residual = rows_of<const float>(*its.residual);
  kernel.accumulate = its.accumulate;
  launch(runtime, per_element(sums.m, sums.n), kernel);
  return true;
}

// In bfloat16, with the same steps.
size_t wide_bytes(const Fp8Codes& codes) { return static_cast<size_t>(codes.rows * codes.stride()) * 2; }
void widen_codes(Runtime& runtime, const Fp8Codes& from, const Scratch& wide) {
  Copy<Fp8Rows, uint16_t> kernel;
  kernel.columns = from.stride(), kernel.from = from.as_rows();
  kernel.to = {Global<uint16_t>(wide.get<uint16_t>()), from.stride()};
  launch(runtime, per_element(from.rows, from.stride()), kernel);
}
}  // namespace

bool suits_fp8(const Runtime& runtime, int64_t n, const Tensor& y) {
  constexpr int64_t kStep = Runtime::Product::kFp8;
  return runtime.has_fp8() && n % kStep == 0 &&
         y.row_stride() * static_cast<int64_t>(size_of(y.dtype())) % kStep == 0 &&
         reinterpret_cast<uintptr_t>(y.raw()) % kStep == 0;
}

bool multiply_fp8(Runtime& runtime, const Fp8Product& its) {
  if (!suits_fp8(runtime, its.w.rows, its.y)) return false;
  Runtime::Product p;
  p.m = its.x.rows, p.n = its.w.rows, p.k = its.x.stride(), p.fp8 = true, p.b_transposed = true;
  p.a = its.x.codes, p.a_step = its.x.stride(), p.b = its.w.codes, p.b_step = its.w.stride();
  const Runtime::Product sums = p;
  if (its.bias.empty()) {
    p.a_scales = its.x_scales, p.b_scales = its.w_scales;
    p.c = its.y.raw(), p.c_step = its.y.row_stride(), p.accumulate = its.accumulate;
    p.c_bfloat16 = its.y.dtype() == DType::bfloat16;
    if (its.residual) p.residual = its.residual->data<float>(), p.residual_step = its.residual->row_stride();
    if (runtime.multiply(p)) return true;
  }
  return finish_here(runtime, its, sums);
}

bool multiply_widened(Runtime& runtime, const Fp8Product& its, bool turned) {
  if (!runtime.has_library()) return false;
  const Scratch a(runtime, wide_bytes(its.x)), b(runtime, wide_bytes(its.w));
  widen_codes(runtime, its.x, a), widen_codes(runtime, its.w, b);
  Runtime::Product p;
  p.m = its.x.rows, p.n = turned ? its.w.columns : its.w.rows, p.k = turned ? its.w.rows : its.x.stride();
  p.a = a.get<void>(), p.a_step = its.x.stride(), p.b = b.get<void>(), p.b_step = its.w.stride();
  p.b_transposed = !turned, p.bfloat16 = true;
  return finish_here(runtime, its, p);
}

void turn_codes(Runtime& runtime, const Fp8Codes& from, uint8_t* to) {
  TurnCodes kernel;
  kernel.from = from.as_rows(), kernel.to = Global<uint8_t>(to);
  kernel.rows = from.rows, kernel.columns = from.columns, kernel.stride = fp8_stride(from.rows);
  constexpr int64_t kTile = TurnCodes::kTile;
  launch(runtime, Extent{pieces(kernel.stride, kTile), pieces(kernel.columns, kTile), TurnCodes::kShared},
         kernel);
}

namespace {
// Rounded rows, and what is widened where the library takes no FP8, both operands.
size_t operands(const Runtime& runtime, int64_t rows, int64_t reduced, const CudaWeight& w, bool suits) {
  const int64_t codes = rows * fp8_stride(reduced);
  const bool wide = runtime.has_library() && !(runtime.has_fp8() && suits);
  return static_cast<size_t>(codes + rows * 4 + (wide ? 2 * (codes + w.o * fp8_stride(w.k)) : 0));
}
}  // namespace

size_t fp8_forward_bytes(const Runtime& runtime, int64_t rows, const CudaWeight& w, DType y) {
  const bool apart = runtime.has_library() && y != DType::float32;
  const size_t sums = apart ? static_cast<size_t>(rows * multiple_of_four(w.o)) * 4 : 0;
  return operands(runtime, rows, w.k, w, w.o % Runtime::Product::kFp8 == 0) + sums;
}

size_t fp8_backward_bytes(const Runtime& runtime, int64_t rows, const CudaWeight& w, bool turned) {
  const bool suits = w.k % Runtime::Product::kFp8 == 0, turns = !turned && runtime.has_fp8() && suits;
  const size_t sums = runtime.has_library() ? static_cast<size_t>(rows * multiple_of_four(w.k)) * 4 : 0;
  return operands(runtime, rows, w.o, w, suits) + sums + (turns ? turned_bytes(w) : 0);
}

}  // namespace whorl::cuda
