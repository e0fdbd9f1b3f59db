#pragma once
// From logits to a token. Order of the steps, as in Hugging Face: repetition penalty, presence and frequency
// penalties, mask of the grammar, temperature, top_k, top_p, min_p, draw.
#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "whorl/inference_engine.h"

namespace whorl::serve {

// Memory for one thread that samples, so that a step allocates nothing of the vocabulary's size.
struct SamplerScratch {
  std::vector<float> logits;
  std::vector<int32_t> order;
  std::vector<double> weights;
};

// The least id among the likeliest. std::runtime_error when a logit is NaN or +inf, or all are -inf.
int32_t argmax(std::span<const float> logits);

class Sampler {
 public:
  // `seed` is the sample's own: request seed + index of the sample.
  Sampler(const SamplingOptions& options, uint64_t seed, std::span<const int32_t> prompt);

  // The token at the next output position. It depends on the options, the seed, the position and these
  // logits, and on nothing else that the engine does. Empty mask = everything is allowed.
  int32_t choose(std::span<const float> logits, std::span<const uint32_t> mask, SamplerScratch& scratch);

 private:
  bool penalised() const;
  void penalise(std::span<float> logits) const;
  int32_t draw(std::span<const float> logits, int32_t likeliest, SamplerScratch& scratch) const;
  void narrow(std::span<const float> logits, double total, SamplerScratch& scratch) const;

  double temperature_, top_p_, min_p_, repetition_, presence_, frequency_;
  int64_t top_k_;
  uint64_t key_;
  uint64_t position_ = 0;
  std::unordered_set<int32_t> seen_;             // prompt and output, for the repetition penalty
  std::unordered_map<int32_t, int64_t> output_;  // counts, for presence and frequency
};

// log softmax of the untouched logits; sums in double, in the order of ids.
double log_sum_exp(std::span<const float> logits);
// Ids of the k largest logits, best first, ties by id.
std::vector<int32_t> largest(std::span<const float> logits, int64_t k);

// Every error names the field.
void check_sampling(const SamplingOptions& options, int64_t context, int64_t vocab);

}  // namespace whorl::serve
