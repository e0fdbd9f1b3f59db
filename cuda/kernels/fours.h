#pragma once
// Four neighbours of a row in one load, where rows lie at multiples of four numbers: float32, or bfloat16.
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

template <class T>
struct alignas(4 * sizeof(T)) FourNumbers {
  T x[4];
};
using Four = FourNumbers<float>;

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

}  // namespace whorl::cuda
