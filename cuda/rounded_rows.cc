#include "cuda/rounded_rows.h"

#include "cuda/views.h"

namespace whorl::cuda {

Planned<RoundRows> rounding(const Tensor& x, const RoundedStore& to) {
  RoundRows kernel;
  kernel.columns = x.dim(1), kernel.x = either(x), kernel.rounded = to;
  return {per_four(x.dim(0), x.dim(1)), kernel};
}

bool RoundedRows::is_narrow() const {
  return x_.dtype() == DType::bfloat16 && x_.row_stride() % 8 == 0 &&
         reinterpret_cast<uintptr_t>(x_.raw()) % 16 == 0;
}

RoundedStore RoundedRows::take(bool narrow, bool codes) {
  const int64_t n = x_.dim(0);
  RoundedStore out;
  if (narrow && !is_narrow()) {
    narrow_.emplace(runtime_, static_cast<size_t>(n * narrow_step()) * 2);
    out.narrow = {Global<uint16_t>(narrow_->get<uint16_t>()), narrow_step()};
  }
  if (codes) {
    codes_.emplace(runtime_, static_cast<size_t>(n * groups() * kGroup));
    scales_.emplace(runtime_, static_cast<size_t>(n * groups()) * 4);
    out.codes = Global<int8_t>(codes_->get<int8_t>()), out.scales = Global<float>(scales_->get<float>());
    out.groups = groups();
  }
  return out;
}

const uint16_t* RoundedRows::narrow() {
  if (is_narrow()) return x_.data<uint16_t>();
  if (!narrow_) launch(runtime_, rounding(x_, take(true, false)));
  return narrow_->get<uint16_t>();
}

RoundedRows::Codes RoundedRows::codes() {
  if (!codes_) launch(runtime_, rounding(x_, take(false, true)));
  return {codes_->get<int8_t>(), scales_->get<float>()};
}

}  // namespace whorl::cuda
