#include "cuda/rounded_rows.h"

#include "cuda/views.h"

namespace whorl::cuda {

Extent rounding_extent(int64_t rows, int64_t columns, const RoundedStore& to) {
  return to.fp8 ? Extent{rows, 1, EachFour::kShared} : per_four(rows, columns);
}

Planned<RoundRows> rounding(const Tensor& x, const RoundedStore& to) {
  RoundRows kernel;
  kernel.columns = x.dim(1), kernel.x = either(x), kernel.rounded = to;
  return {rounding_extent(x.dim(0), x.dim(1), to), kernel};
}

bool RoundedRows::is_narrow() const {
  return x_.dtype() == DType::bfloat16 && x_.row_stride() % 8 == 0 &&
         reinterpret_cast<uintptr_t>(x_.raw()) % 16 == 0;
}

RoundedStore RoundedRows::take(const RoundingNeeds& needs) {
  const int64_t n = x_.dim(0);
  RoundedStore out;
  if (needs.narrow && !is_narrow()) {
    narrow_.emplace(runtime_, static_cast<size_t>(n * narrow_step()) * 2);
    out.narrow = {Global<uint16_t>(narrow_->get<uint16_t>()), narrow_step()};
  }
  if (needs.fp8) out.fp8 = take_fp8();
  if (needs.codes) {
    codes_.emplace(runtime_, static_cast<size_t>(n * groups() * kGroup));
    scales_.emplace(runtime_, static_cast<size_t>(n * groups()) * 4);
    out.codes = Global<int8_t>(codes_->get<int8_t>()), out.scales = Global<float>(scales_->get<float>());
    out.groups = groups();
  }
  return out;
}

const uint16_t* RoundedRows::narrow() {
  if (is_narrow()) return x_.data<uint16_t>();
  if (!narrow_) launch(runtime_, rounding(x_, take({.narrow = true})));
  return narrow_->get<uint16_t>();
}

RoundedRows::Codes RoundedRows::codes() {
  if (!codes_) launch(runtime_, rounding(x_, take({.codes = true})));
  return {codes_->get<int8_t>(), scales_->get<float>()};
}

}  // namespace whorl::cuda
