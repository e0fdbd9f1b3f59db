#pragma once
// What makes the rows that products read: a kernel that also writes them rounded as those products ask, and
// for adapters, which run beside it, what the rows are made of.
#include "cuda/kernels/lora_rows.h"
#include "cuda/rounded_rows.h"
#include "cuda/views.h"

namespace whorl::cuda {

// Each has with_source(body): body(what adapters read beside the kernel that makes the rows).

// They are there: what is left is rounding.
struct RowsThere {
  static constexpr bool kThere = true;
  const Tensor& x;
  template <class Body>
  void with_source(const Body& body) const {
    with_numbers(x,
                 [&](auto number) { body(PlainRows<decltype(number)>{rows_of<const decltype(number)>(x)}); });
  }
  bool beside() const { return true; }
  Planned<RoundRows> making(const RoundedStore& rounded) const { return rounding(x, rounded); }
};

// rms_norm of rows that are one group.
struct RowsOfNorm {
  static constexpr bool kThere = false;
  static constexpr int64_t kFewRows = 64;  // of more, adapters would read too much again to find their scales
  const Tensor &x, &gain;
  float epsilon;
  const Tensor &normed, &rstd;
  Global<const float> gains() const { return Global<const float>(gain.data<float>()); }
  template <class Body>
  void with_source(const Body& body) const {
    with_numbers(normed, [&](auto number) {
      body(NormedRows<decltype(number)>{{rows_of<const float>(x)}, gains(), x.dim(1), epsilon});
    });
  }
  bool beside() const { return x.dim(0) <= kFewRows && x.dtype() == DType::float32; }
  Planned<RmsNorm<NormedRows<>::kWarps>> making(const RoundedStore& rounded) const {
    RmsNorm<NormedRows<>::kWarps> kernel;
    kernel.x = either(x), kernel.gain = gains(), kernel.y = either_out(normed);
    kernel.rstd = rows_of(rstd), kernel.rounded = rounded, kernel.size = x.dim(1), kernel.epsilon = epsilon;
    return {{x.dim(0), 1, kernel.kShared}, kernel};
  }
};

struct RowsOfSwiglu {
  static constexpr bool kThere = false;
  const Tensor &gate, &up, &h;
  template <class Body>
  void with_source(const Body& body) const {
    with_numbers(gate, [&](auto number) {
      using T = decltype(number);
      body(SwigluRows<T>{{rows_of<const T>(gate)}, {rows_of<const T>(up)}});
    });
  }
  bool beside() const { return true; }
  Planned<Swiglu> making(const RoundedStore& rounded) const {
    Swiglu kernel;
    kernel.columns = gate.dim(1), kernel.gate = either(gate), kernel.up = either(up);
    kernel.h = either_out(h), kernel.rounded = rounded;
    return {rounding_extent(gate.dim(0), gate.dim(1), rounded), kernel};
  }
};

}  // namespace whorl::cuda
