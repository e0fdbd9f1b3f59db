#pragma once
// Four neighbours of a row in one load, where rows lie at multiples of four numbers: float32, or bfloat16.
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

template <class T>
struct alignas(4 * sizeof(T)) FourNumbers {
  T x[4];
};
using Four = FourNumbers<float>;

WHORL_DEVICE Four widened(const Four& numbers) { return numbers; }
WHORL_DEVICE Four widened(const FourNumbers<uint16_t>& numbers) {
  return {{widen(numbers.x[0]), widen(numbers.x[1]), widen(numbers.x[2]), widen(numbers.x[3])}};
}
// As T holds it.
template <class T>
WHORL_DEVICE float kept_as(float x) {
  if constexpr (sizeof(T) == sizeof(float))
    return x;
  else
    return widen(to_bfloat16(x));
}

template <class T>
WHORL_DEVICE bool in_fours(const Global<T>& data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data.raw()) % (4 * sizeof(T)) == 0 && stride % 4 == 0;
}
// The same four numbers whether they are loaded together or one by one.
template <bool Together, class T = float>
struct Fours {
  Global<const T> data;
  Global<const FourNumbers<T>> together;
  WHORL_DEVICE explicit Fours(const Global<const T>& from)
      : data(from), together(reinterpret_cast<const FourNumbers<T>*>(from.raw())) {}
  // Those from `at` on; `left` of them are there, the others are zero.
  WHORL_DEVICE FourNumbers<T> operator()(int64_t at, int64_t left) const {
    if constexpr (Together) {
      return together[at / 4];
    } else {
      FourNumbers<T> out;
      for (int j = 0; j < 4; ++j) out.x[j] = j < left ? data[at + j] : T{};
      return out;
    }
  }
};

// The same of rows of activations.
WHORL_DEVICE bool in_fours(const EitherRows& x) {
  return x.narrow ? in_fours(x.narrow, x.stride) : in_fours(x.wide, x.stride);
}
WHORL_DEVICE bool in_fours(const EitherOut& x) { return in_fours(EitherRows{x.wide, x.narrow, x.stride}); }

template <bool Together>
WHORL_DEVICE Four four_of(const EitherRows& x, int64_t row, int64_t column, int64_t left) {
  const int64_t at = row * x.stride + column;
  return x.narrow ? widened(Fours<Together, uint16_t>(x.narrow)(at, left))
                  : Fours<Together, float>(x.wide)(at, left);
}
template <bool Together>
WHORL_DEVICE Four four_of(const EitherOut& x, int64_t row, int64_t column, int64_t left) {
  return four_of<Together>(EitherRows{x.wide, x.narrow, x.stride}, row, column, left);
}

// What is then there.
template <bool Together, class T>
WHORL_DEVICE Four put_numbers(const Global<T>& from, int64_t at, int64_t left, const Four& value) {
  FourNumbers<T> kept;
  for (int j = 0; j < 4; ++j) store(kept.x[j], value.x[j]);
  if constexpr (Together)
    Global<FourNumbers<T>>(reinterpret_cast<FourNumbers<T>*>(from.raw()))[at / 4] = kept;
  else
    for (int j = 0; j < 4; ++j)
      if (j < left) from[at + j] = kept.x[j];
  return widened(kept);
}
template <bool Together>
WHORL_DEVICE Four put_four(const EitherOut& y, int64_t row, int64_t column, int64_t left, const Four& value) {
  const int64_t at = row * y.stride + column;
  return y.narrow ? put_numbers<Together>(y.narrow, at, left, value)
                  : put_numbers<Together>(y.wide, at, left, value);
}

}  // namespace whorl::cuda
