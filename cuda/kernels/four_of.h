#pragma once
// Four of a kind among the arguments of a kernel. No array: behind an array of structs GCC 12's
// __builtin_clear_padding (cuda/calls.h) clears other bytes than the padding.
#include <cstdint>

namespace whorl::cuda {

template <class T>
struct FourOf {
  T first, second, third, fourth;
  constexpr T& operator[](int64_t i) { return i == 0 ? first : i == 1 ? second : i == 2 ? third : fourth; }
  constexpr const T& operator[](int64_t i) const {
    return i == 0 ? first : i == 1 ? second : i == 2 ? third : fourth;
  }
};

}  // namespace whorl::cuda
