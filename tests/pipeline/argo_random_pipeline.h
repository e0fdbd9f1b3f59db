#pragma once
// Pipelines and outcomes drawn from a seed, for the test that walks both sides.
#include <nlohmann/json.hpp>
#include <string>

#include "base/random.h"

namespace whorl::pipeline::testing {

using Json = nlohmann::ordered_json;

// Draws one after another from one seed.
class Dice {
 public:
  explicit Dice(uint64_t seed) : key_(base::derive(seed, 7)) {}
  uint64_t below(uint64_t n) { return base::below(key_, index_++, n); }
  bool one_in(uint64_t n) { return below(n) == 0; }
  template <class T>
  const T& of(const std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  uint64_t key_, index_ = 0;
};

// A pipeline of commands, as JSON: needs, sweeps, conditions, retries, failure policies, exit steps.
Json random_pipeline(uint64_t seed);

}  // namespace whorl::pipeline::testing
