#pragma once
// pack_tile.h for rows that one block of 8 x 8 holds: a square of sixteen is mostly zeros and lives in
// memory.
#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

// Up to eight numbers of each of R rows: to[j * R + r] = a[r, j]. Eight floats are stored for every j.
template <int R>
static inline void turn_eight(const float* a, int64_t stride, int64_t lanes, float* to) {
  __m256 r[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i)
    r[i] = i >= R       ? _mm256_setzero_ps()
           : lanes >= 8 ? _mm256_loadu_ps(a + i * stride)
                        : _mm256_maskload_ps(a + i * stride, first_lanes(lanes));
  transpose_block(r);
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j)
    if (j < lanes) _mm256_storeu_ps(to + j * R, r[j]);
}

template <int R>
static void turn_rows(const float* a, int64_t stride, int64_t k, float* to) {
  for (int64_t i = 0; i < k; i += 8) turn_eight<R>(a + i, stride, k - i, to + i * R);
}

// to[k * rows + r] = a[r, k]. Whole vectors are stored and their surplus lanes overwritten by the next, so
// up to 7 floats past the end are touched.
static inline void pack_tile(const float* a, int64_t stride, int rows, int64_t k, float* to) {
  static_assert(kMaxRows == 6);
  switch (rows) {
    case 1:
      return for_vectors(
          k, [&](int64_t i, int64_t lanes) { store_lanes(to + i, load_lanes(a + i, lanes), lanes); });
    case 2:
      return turn_rows<2>(a, stride, k, to);
    case 3:
      return turn_rows<3>(a, stride, k, to);
    case 4:
      return turn_rows<4>(a, stride, k, to);
    case 5:
      return turn_rows<5>(a, stride, k, to);
    default:
      return turn_rows<6>(a, stride, k, to);
  }
}

}  // namespace whorl::cpu::WHORL_ISA
