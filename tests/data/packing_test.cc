#include "data/packing.h"

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "support.h"

namespace whorl::data {
namespace {

std::vector<int64_t> random_lengths(size_t count, int64_t longest, uint64_t seed) {
  std::vector<int64_t> out(count);
  for (size_t i = 0; i < count; ++i)
    out[i] = 1 + static_cast<int64_t>(base::below(base::derive(seed, 0), i, static_cast<uint64_t>(longest)));
  return out;
}

// The definition, read aloud: quadratic, and the oracle.
std::vector<int64_t> slow_fill(const std::vector<int64_t>& lengths, int64_t capacity) {
  std::vector<int64_t> sorted = lengths, fill;
  std::stable_sort(sorted.begin(), sorted.end(), std::greater<>());
  for (const int64_t tokens : sorted) {
    size_t best = fill.size();
    for (size_t bin = 0; bin < fill.size(); ++bin)
      if (fill[bin] + tokens <= capacity && (best == fill.size() || fill[bin] > fill[best])) best = bin;
    if (best == fill.size()) fill.push_back(0);
    fill[best] += tokens;
  }
  std::sort(fill.begin(), fill.end());
  return fill;
}

TEST(Packing, IsBestFitDecreasing) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const auto lengths = random_lengths(300, 200, seed);
    std::vector<int64_t> fill, seen;
    for (const Bin& bin : pack_best_fit(lengths, 256)) {
      int64_t tokens = 0;
      for (const int64_t row : bin.rows) tokens += lengths[static_cast<size_t>(row)], seen.push_back(row);
      EXPECT_EQ(tokens, bin.tokens);
      EXPECT_LE(tokens, 256);
      fill.push_back(tokens);
    }
    std::sort(fill.begin(), fill.end());
    EXPECT_EQ(fill, slow_fill(lengths, 256));
    std::sort(seen.begin(), seen.end());
    std::vector<int64_t> all(lengths.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(seen, all);
  }
}

TEST(Packing, RefusesRowsThatDoNotFit) {
  const std::vector<int64_t> lengths = {3, 9};
  EXPECT_REFUSED(pack_best_fit(lengths, 8), "row 1 has 9");
}

TEST(Packing, EpochsAreSeededAndComplete) {
  const auto lengths = random_lengths(5000, 400, 1);
  std::vector<int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  const auto bins = pack_epoch(lengths, order, 1024, 1000, 9),
             again = pack_epoch(lengths, order, 1024, 1000, 9);
  std::vector<int64_t> seen;
  bool same = bins.size() == again.size();
  for (size_t i = 0; i < bins.size(); ++i) {
    same = same && bins[i].rows == again[i].rows;
    seen.insert(seen.end(), bins[i].rows.begin(), bins[i].rows.end());
  }
  EXPECT_TRUE(same);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, order);
  const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  EXPECT_GT(static_cast<double>(total) / (1024.0 * static_cast<double>(bins.size())), 0.97);
}

}  // namespace
}  // namespace whorl::data
