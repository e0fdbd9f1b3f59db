#pragma once
// Clusters of texts whose shingle sets are alike, by MinHash with verification.
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "whorl/dataset.h"

namespace whorl::data {

struct NearDuplicates {
  std::vector<size_t> leader;      // the lowest index of each text's cluster
  std::vector<double> similarity;  // Jaccard with the leader; 1 for the leader itself
  int64_t candidates = 0;          // pairs that were verified
};

// `words(i)` gives text i in words_form; it is called from several threads, and again for candidates, so that
// only signatures are held for all texts.
NearDuplicates find_near_duplicates(size_t count, const std::function<std::string(size_t)>& words,
                                    const DeduplicateOptions& options);

}  // namespace whorl::data
