#pragma once
// Counter-based random numbers: value = f(seed, stream, index), no state to save or to lose on resume.
// SplitMix64's finaliser over a Weyl sequence (Steele, Lea, Flood 2014, "Fast splittable pseudorandom
// number generators", figure 16). What kernels draw with is constexpr: device compilers take it as it is.
#include <cmath>
#include <cstdint>

namespace whorl::base {

constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// A key for a sub-stream: order matters, so (a, b) and (b, a) differ.
constexpr uint64_t derive(uint64_t seed, uint64_t stream) {
  return mix64(mix64(seed) ^ (stream * 0xd1342543de82ef95ull + 1));
}

constexpr uint64_t random_bits(uint64_t key, uint64_t index) { return mix64(key ^ mix64(index)); }

// Uniform in [0, 1) with 53 bits.
inline double uniform(uint64_t key, uint64_t index) {
  return static_cast<double>(random_bits(key, index) >> 11) * 0x1.0p-53;
}

// Standard normal by Box-Muller from two draws of the same index.
inline double normal(uint64_t key, uint64_t index) {
  const double u = 1.0 - uniform(key, 2 * index), v = uniform(key, 2 * index + 1);
  return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
}

// Uniform integer in [0, n), n > 0; the bias of 2^-64 * n is of no matter for shuffling.
inline uint64_t below(uint64_t key, uint64_t index, uint64_t n) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(random_bits(key, index)) * n) >> 64);
}

}  // namespace whorl::base
