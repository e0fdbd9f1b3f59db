#include "data/minhash.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "base/random.h"

namespace whorl::data {

MinHashFamily make_family(int permutations, uint64_t seed) {
  MinHashFamily family;
  family.size = permutations;
  const size_t padded = (static_cast<size_t>(permutations) + 15) / 16 * 16;
  const uint64_t key = base::derive(seed, 0x6d696e68617368);  // "minhash"
  for (size_t i = 0; i < padded; ++i) {
    const uint64_t bits = base::random_bits(key, i);
    family.a.push_back(static_cast<uint32_t>(bits) | 1u);
    family.b.push_back(static_cast<uint32_t>(bits >> 32));
  }
  return family;
}

void minhash_reference(const MinHashFamily& family, std::span<const uint32_t> hashes, uint32_t* out) {
  for (size_t p = 0; p < family.a.size(); ++p) {
    uint32_t least = std::numeric_limits<uint32_t>::max();
    for (const uint32_t h : hashes) least = std::min(least, h * family.a[p] + family.b[p]);
    out[p] = least;
  }
}

namespace {

// Sixteen permutations stay in registers while all hashes pass. The vector type is the compiler's own, so one
// source serves every instruction set.
template <class Vector>
[[gnu::always_inline]] inline void kernel(const MinHashFamily& family, std::span<const uint32_t> hashes,
                                          uint32_t* out) {
  constexpr size_t lanes = sizeof(Vector) / sizeof(uint32_t), vectors = 16 / lanes;
  for (size_t p = 0; p < family.a.size(); p += 16) {
    Vector a[vectors], b[vectors], least[vectors];
    for (size_t v = 0; v < vectors; ++v) {
      __builtin_memcpy(&a[v], &family.a[p + v * lanes], sizeof(Vector));
      __builtin_memcpy(&b[v], &family.b[p + v * lanes], sizeof(Vector));
      least[v] = ~Vector{};
    }
    for (const uint32_t h : hashes)
      for (size_t v = 0; v < vectors; ++v) {
        const Vector value = h * a[v] + b[v];
        least[v] = value < least[v] ? value : least[v];
      }
    for (size_t v = 0; v < vectors; ++v) __builtin_memcpy(&out[p + v * lanes], &least[v], sizeof(Vector));
  }
}

using Vector4 [[gnu::vector_size(16)]] = uint32_t;
using Vector8 [[gnu::vector_size(32)]] = uint32_t;
using Vector16 [[gnu::vector_size(64)]] = uint32_t;

using Kernel = void (*)(const MinHashFamily&, std::span<const uint32_t>, uint32_t*);

void minhash_plain(const MinHashFamily& f, std::span<const uint32_t> h, uint32_t* out) {
  kernel<Vector4>(f, h, out);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] void minhash_avx2(const MinHashFamily& f, std::span<const uint32_t> h,
                                          uint32_t* out) {
  kernel<Vector8>(f, h, out);
}
[[gnu::target("avx512f")]] void minhash_avx512(const MinHashFamily& f, std::span<const uint32_t> h,
                                               uint32_t* out) {
  kernel<Vector16>(f, h, out);
}
Kernel choose() {
  if (__builtin_cpu_supports("avx512f")) return minhash_avx512;
  return __builtin_cpu_supports("avx2") ? minhash_avx2 : minhash_plain;
}
#else
Kernel choose() { return minhash_plain; }
#endif

}  // namespace

void minhash(const MinHashFamily& family, std::span<const uint32_t> hashes, uint32_t* out) {
  static const Kernel chosen = choose();
  chosen(family, hashes, out);
}

std::vector<uint64_t> shingles(std::string_view words, int shingle_words) {
  std::vector<uint64_t> out;
  if (words.empty()) return out;
  std::vector<size_t> starts = {0};
  for (size_t i = 0; i < words.size(); ++i)
    if (words[i] == ' ') starts.push_back(i + 1);
  const size_t run = static_cast<size_t>(shingle_words);
  if (starts.size() <= run) return {base::xxh3_64(words)};
  starts.push_back(words.size() + 1);
  out.reserve(starts.size() - run);
  for (size_t i = 0; i + run < starts.size(); ++i)
    out.push_back(base::xxh3_64(words.substr(starts[i], starts[i + run] - 1 - starts[i])));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

double jaccard(std::span<const uint64_t> x, std::span<const uint64_t> y) {
  if (x.empty() && y.empty()) return 1;
  size_t i = 0, j = 0, both = 0;
  while (i < x.size() && j < y.size()) {
    const bool equal = x[i] == y[j];
    const bool less = x[i] < y[j];
    both += equal;
    i += equal || less;
    j += equal || !less;
  }
  return static_cast<double>(both) / static_cast<double>(x.size() + y.size() - both);
}

Banding choose_banding(int permutations, double threshold) {
  Banding best{permutations, 1};
  for (int rows = 1; rows <= permutations; ++rows) {
    const int bands = permutations / rows;
    const double missed = std::pow(1 - std::pow(threshold, rows), bands);
    if (missed > 1e-3) break;
    best = {bands, rows};
  }
  return best;
}

}  // namespace whorl::data
