#include "cuda/rounded_rows.h"

#include "cuda/views.h"

namespace whorl::cuda {

RoundedRows::Narrowing RoundedRows::narrowing() {
  narrow_.emplace(runtime_, static_cast<size_t>(x_.dim(0) * narrow_step()) * 2);
  Narrowing out;
  out.extent = per_element(x_.dim(0), x_.dim(1));
  out.kernel.columns = x_.dim(1), out.kernel.from = rows_of<const float>(x_);
  out.kernel.to = {Global<uint16_t>(narrow_->get<uint16_t>()), narrow_step()};
  return out;
}

const uint16_t* RoundedRows::narrow() {
  if (!narrow_) launch(runtime_, narrowing());
  return narrow_->get<uint16_t>();
}

RoundedRows::Coding RoundedRows::coding() {
  const int64_t n = x_.dim(0);
  codes_.emplace(runtime_, static_cast<size_t>(n * groups() * kGroup));
  scales_.emplace(runtime_, static_cast<size_t>(n * groups()) * 4);
  return {{n, pieces(groups(), RoundRows::kWarps), 0},
          RoundRows{rows_of<const float>(x_), Global<int8_t>(codes_->get<int8_t>()),
                    Global<float>(scales_->get<float>()), x_.dim(1), groups()}};
}

RoundedRows::Codes RoundedRows::codes() {
  if (!codes_) launch(runtime_, coding());
  return {codes_->get<int8_t>(), scales_->get<float>()};
}

}  // namespace whorl::cuda
