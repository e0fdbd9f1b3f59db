#pragma once
// MinHash: `permutations` minima of h * a + b mod 2^32 over the 32-bit hashes h of a set, a odd. An even
// multiplier would be no permutation: it loses the top bits and lets unlike sets collide.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace whorl::data {

struct MinHashFamily {
  std::vector<uint32_t> a, b;  // padded to a multiple of 16; `size` of them count
  int size = 0;
};
MinHashFamily make_family(int permutations, uint64_t seed);

// `out` has family.a.size() places. The value is the same on every instruction set.
void minhash(const MinHashFamily& family, std::span<const uint32_t> hashes, uint32_t* out);
// The plain loop, kept as the specification.
void minhash_reference(const MinHashFamily& family, std::span<const uint32_t> hashes, uint32_t* out);

// 64-bit hashes of all runs of `shingle_words` words of `words` (one space between words), sorted, each once.
// A shorter text is one shingle; an empty one has none.
std::vector<uint64_t> shingles(std::string_view words, int shingle_words);
double jaccard(std::span<const uint64_t> x, std::span<const uint64_t> y);

// Bands of `rows` values each. Chosen so that two sets at the threshold meet in a band with probability at
// least 0.999, with as long bands (as few needless candidates) as that allows.
struct Banding {
  int bands = 0, rows = 0;
};
Banding choose_banding(int permutations, double threshold);

}  // namespace whorl::data
