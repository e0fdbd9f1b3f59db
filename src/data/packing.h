#pragma once
// Rows into bins of at most `capacity` tokens, best fit decreasing: the longest row first, each into the
// fullest bin that still takes it. A pure function of its arguments; attention between the rows of a bin is
// the caller's to forbid (cumulative starts).
#include <cstdint>
#include <span>
#include <vector>

namespace whorl::data {

struct Bin {
  std::vector<int64_t> rows;  // indices into `lengths`, longest first
  int64_t tokens = 0;
};

// Ties go to the lower index and the older bin. std::invalid_argument names a row longer than `capacity`.
std::vector<Bin> pack_best_fit(std::span<const int64_t> lengths, int64_t capacity);

// The same within windows of `window` rows of `order`, bins then shuffled by `seed`: a bin's place says
// nothing about the lengths in it. `order` holds indices into `lengths`, as a seeded epoch gives them.
std::vector<Bin> pack_epoch(std::span<const int64_t> lengths, std::span<const int64_t> order,
                            int64_t capacity, int64_t window, uint64_t seed);

}  // namespace whorl::data
