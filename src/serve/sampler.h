#pragma once
// From logits to a token. Order of the steps, as in Hugging Face: repetition penalty, presence and frequency
// penalties, mask of the grammar, temperature, top_k, top_p, min_p, draw. The last five are ops/draw.h's,
// which a device does for itself; here they are done without sorting a vocabulary, and come to the same.
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "ops/backend.h"
#include "serve/ranks.h"
#include "whorl/inference_engine.h"

namespace whorl::serve {

// How likely one token is among all, as ops::Backend::score tells it.
struct Score {
  int32_t best = 0;              // the likeliest token
  float largest = 0, logit = 0;  // its logit, which is NaN where logits are not finite, and the token's
  double sum_exp = 0;            // of logits less the largest
};

// Memory for one thread that samples, so that a step allocates nothing of the vocabulary's size.
struct SamplerScratch {
  const ops::Backend* backend = nullptr;  // makes exponentials; null: one by one
  std::vector<float> logits, best, weights;
  std::vector<int32_t> order;
};

class Sampler {
 public:
  // `seed` is the sample's own: request seed + index of the sample.
  Sampler(const SamplingOptions& options, uint64_t seed, std::span<const int32_t> prompt);

  // The token at the next output position. It depends on the options, the seed, the position and these
  // logits, and on nothing else that the engine does. Empty mask = everything is allowed.
  int32_t choose(std::span<const float> logits, std::span<const uint32_t> mask, SamplerScratch& scratch);

  // The same token where somebody else draws it, `ahead` positions after the next one. What was put out
  // counts for penalties, so those hold for the next position alone. It reads penalties here: they are as
  // they are until the next token is taken.
  ops::Draw next_draw(int64_t ahead) const;
  bool penalised() const;
  int64_t penalties() const { return std::ssize(penalties_); }
  // What was drawn there, at the next position.
  int32_t take(int32_t drawn);

 private:
  void penalise(std::span<float> logits) const;
  void remember(int32_t id, int32_t count);
  int32_t draw(std::span<const float> logits, int32_t likeliest, SamplerScratch& scratch) const;
  int32_t draw_among(std::span<const int32_t> ids, SamplerScratch& scratch) const;
  int32_t note(int32_t id);
  int32_t draw_ascending(std::span<const int32_t> ids, std::span<const float> weights) const;
  void keep_likely(std::span<const float> logits, SamplerScratch& scratch) const;
  float temperature() const;  // as weights are divided by it

  double temperature_, top_p_, min_p_, repetition_, presence_, frequency_;
  int64_t top_k_;
  uint64_t key_;
  uint64_t position_ = 0;
  std::vector<ops::Penalty> penalties_;  // of the output; for the repetition penalty of the prompt, too
  std::unordered_map<int32_t, size_t> places_;  // among these
};

// log of the sum of exp(logits), of which `largest` is the largest.
double log_sum_exp(std::span<const float> logits, float largest, const ops::Backend* backend = nullptr);
// Every error names the field.
void check_sampling(const SamplingOptions& options, int64_t context, int64_t vocab);

}  // namespace whorl::serve
