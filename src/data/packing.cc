#include "data/packing.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/check.h"
#include "base/random.h"

namespace whorl::data {

namespace {

std::vector<Bin> pack(std::span<const int64_t> lengths, std::vector<int64_t> rows, int64_t capacity) {
  const auto length = [&lengths](int64_t i) { return lengths[static_cast<size_t>(i)]; };
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t x, int64_t y) { return length(x) > length(y); });
  std::vector<Bin> bins;
  std::multimap<int64_t, size_t> space;  // free tokens to bin; equal ones in order of insertion
  for (const int64_t row : rows) {
    const int64_t tokens = length(row);
    if (tokens > capacity || tokens < 0)
      base::invalid("[pack] expected rows of at most ", capacity, " tokens, row ", row, " has ", tokens);
    auto found = space.lower_bound(tokens);
    size_t bin = bins.size();
    if (found == space.end()) {
      bins.emplace_back();
    } else {
      bin = found->second;
      space.erase(found);
    }
    bins[bin].rows.push_back(row);
    bins[bin].tokens += tokens;
    space.emplace(capacity - bins[bin].tokens, bin);
  }
  return bins;
}

}  // namespace

std::vector<Bin> pack_best_fit(std::span<const int64_t> lengths, int64_t capacity) {
  std::vector<int64_t> rows(lengths.size());
  std::iota(rows.begin(), rows.end(), 0);
  return pack(lengths, std::move(rows), capacity);
}

std::vector<Bin> pack_epoch(std::span<const int64_t> lengths, std::span<const int64_t> order,
                            int64_t capacity, int64_t window, uint64_t seed) {
  base::check_argument(window > 0, "[pack] expected a window of at least one row, got ", window);
  std::vector<Bin> bins;
  for (size_t start = 0; start < order.size(); start += static_cast<size_t>(window)) {
    const auto part = order.subspan(start, std::min(order.size() - start, static_cast<size_t>(window)));
    for (Bin& bin : pack(lengths, std::vector<int64_t>(part.begin(), part.end()), capacity))
      bins.push_back(std::move(bin));
  }
  const uint64_t key = base::derive(seed, 0x62696e73);  // "bins"
  for (size_t i = bins.size(); i > 1; --i) std::swap(bins[i - 1], bins[base::below(key, i, i)]);
  return bins;
}

}  // namespace whorl::data
