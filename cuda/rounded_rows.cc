#include "cuda/rounded_rows.h"

#include "cuda/views.h"

namespace whorl::cuda {

Planned<RoundRows> rounding(const Tensor& x, const RoundedStore& to) {
  return {per_element(x.dim(0), x.dim(1)), RoundRows{rows_of<const float>(x), to, x.dim(1)}};
}

RoundedStore RoundedRows::take(bool narrow, bool codes) {
  const int64_t n = x_.dim(0);
  RoundedStore out;
  if (narrow) {
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
  if (!narrow_) launch(runtime_, rounding(x_, take(true, false)));
  return narrow_->get<uint16_t>();
}

RoundedRows::Codes RoundedRows::codes() {
  if (!codes_) launch(runtime_, rounding(x_, take(false, true)));
  return {codes_->get<int8_t>(), scales_->get<float>()};
}

}  // namespace whorl::cuda
