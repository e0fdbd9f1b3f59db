#pragma once
// A tile of rows, turned so that the inner loop of micro.h reads it from front to back.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

// to[k * rows + r] = a[r, k]. Whole vectors are stored and their surplus lanes overwritten by the next, so
// up to 15 floats past the end are touched.
static inline void pack_tile(const float* a, int64_t stride, int rows, int64_t k, float* to) {
  if (rows == 1) {
    for_vectors(k, [&](int64_t i, int64_t lanes) { store_lanes(to + i, load_lanes(a + i, lanes), lanes); });
    return;
  }
  for (int64_t i = 0; i < k; i += kLanes) {
    const int64_t lanes = k - i < kLanes ? k - i : kLanes;
    Vec square[16];
    for (int r = 0; r < rows; ++r) square[r] = load_lanes(a + r * stride + i, lanes);
    for (int r = rows; r < 16; ++r) square[r] = zero();
    transpose(square);
    for (int64_t j = 0; j < lanes; ++j) store(to + (i + j) * rows, square[j]);
  }
}

}  // namespace whorl::cpu::WHORL_ISA
