#pragma once
// Four neighbours of a row in one load, where rows lie at multiples of 16 bytes.
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

struct alignas(16) Four {
  float x[4];
};
WHORL_DEVICE bool in_fours(const Global<const float>& data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data.raw()) % sizeof(Four) == 0 && stride % 4 == 0;
}
// The same four numbers whether they are loaded together or one by one.
template <bool Together>
struct Fours {
  Global<const float> data;
  Global<const Four> together;
  WHORL_DEVICE explicit Fours(const Global<const float>& from)
      : data(from), together(reinterpret_cast<const Four*>(from.raw())) {}
  // Those from `at` on; `left` of them are there, the others are zero.
  WHORL_DEVICE Four operator()(int64_t at, int64_t left) const {
    if constexpr (Together) {
      return together[at / 4];
    } else {
      Four out;
      for (int j = 0; j < 4; ++j) out.x[j] = j < left ? data[at + j] : 0.0f;
      return out;
    }
  }
};

}  // namespace whorl::cuda
