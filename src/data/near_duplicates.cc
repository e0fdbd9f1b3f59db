#include "data/near_duplicates.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "base/hash.h"
#include "base/thread_pool.h"
#include "data/minhash.h"

namespace whorl::data {

namespace {

// The root of a set is its lowest member, whatever the order of the unions.
class UnionFind {
 public:
  explicit UnionFind(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }
  size_t find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void unite(size_t i, size_t j) {
    i = find(i), j = find(j);
    parent_[std::max(i, j)] = std::min(i, j);
  }

 private:
  std::vector<size_t> parent_;
};

// 64 bits to 32, all of which matter.
uint32_t folded(uint64_t hash) { return static_cast<uint32_t>(hash ^ (hash >> 32)); }

class Finder {
 public:
  Finder(size_t count, const std::function<std::string(size_t)>& words, const DeduplicateOptions& options)
      : count_(count),
        words_(words),
        options_(options),
        family_(make_family(options.permutations, options.seed)),
        width_(family_.a.size()),
        signatures_(count * width_),
        empty_(count),
        clusters_(count) {}

  NearDuplicates run() {
    sign_all();
    const Banding banding = choose_banding(options_.permutations, options_.threshold);
    for (int band = 0; band < banding.bands; ++band)
      join_band(static_cast<size_t>(band * banding.rows), static_cast<size_t>(banding.rows));
    return result();
  }

 private:
  void sign_all() {
    base::ThreadPool::shared()->run(static_cast<int64_t>(count_), [this](int64_t i) {
      const size_t text = static_cast<size_t>(i);
      const std::vector<uint64_t> set = shingles(words_(text), options_.shingle_words);
      std::vector<uint32_t> hashes(set.size());
      std::transform(set.begin(), set.end(), hashes.begin(), folded);
      empty_[text] = set.empty();
      minhash(family_, hashes, &signatures_[text * width_]);
    });
  }

  // Texts with the same values in one band are candidates for each other.
  void join_band(size_t first, size_t rows) {
    std::vector<std::pair<uint64_t, size_t>> keys;
    for (size_t i = 0; i < count_; ++i) {
      if (empty_[i]) continue;  // without a word there is nothing to be alike in
      const char* values = reinterpret_cast<const char*>(&signatures_[i * width_ + first]);
      keys.emplace_back(base::xxh3_64({values, rows * sizeof(uint32_t)}), i);
    }
    std::sort(keys.begin(), keys.end());
    for (size_t begin = 0; begin < keys.size();) {
      size_t end = begin + 1;
      while (end < keys.size() && keys[end].first == keys[begin].first) ++end;
      if (end - begin > 1) join_bucket(keys, begin, end);
      begin = end;
    }
  }

  void join_bucket(const std::vector<std::pair<uint64_t, size_t>>& keys, size_t begin, size_t end) {
    for (size_t j = begin + 1; j < end; ++j)
      for (size_t i = begin; i < j; ++i) {
        const size_t x = keys[i].second, y = keys[j].second;
        if (clusters_.find(x) != clusters_.find(y) && alike(x, y)) clusters_.unite(x, y);
      }
  }

  // The signatures' agreement estimates the similarity with a standard error below 0.5 / sqrt(permutations);
  // six of those under the threshold need no exact count.
  bool alike(size_t x, size_t y) {
    const uint32_t* a = &signatures_[x * width_];
    const uint32_t* b = &signatures_[y * width_];
    int equal = 0;
    for (int p = 0; p < family_.size; ++p) equal += a[p] == b[p];
    const double n = family_.size;
    if (equal / n < options_.threshold - 3 / std::sqrt(n)) return false;
    ++candidates_;
    return jaccard(set_of(x), set_of(y)) >= options_.threshold;
  }

  const std::vector<uint64_t>& set_of(size_t i) {
    const auto [entry, is_new] = sets_.try_emplace(i);
    if (is_new) entry->second = shingles(words_(i), options_.shingle_words);
    return entry->second;
  }

  NearDuplicates result() {
    NearDuplicates out{std::vector<size_t>(count_), std::vector<double>(count_, 1.0), candidates_};
    for (size_t i = 0; i < count_; ++i) {
      out.leader[i] = clusters_.find(i);
      if (out.leader[i] != i) out.similarity[i] = jaccard(set_of(i), set_of(out.leader[i]));
    }
    return out;
  }

  size_t count_;
  const std::function<std::string(size_t)>& words_;
  const DeduplicateOptions& options_;
  MinHashFamily family_;
  size_t width_;
  std::vector<uint32_t> signatures_;  // [count, width]
  std::vector<uint8_t> empty_;
  UnionFind clusters_;
  std::unordered_map<size_t, std::vector<uint64_t>> sets_;
  int64_t candidates_ = 0;
};

}  // namespace

NearDuplicates find_near_duplicates(size_t count, const std::function<std::string(size_t)>& words,
                                    const DeduplicateOptions& options) {
  return Finder(count, words, options).run();
}

}  // namespace whorl::data
