#include "serve/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "base/random.h"

namespace whorl::serve {
namespace {

constexpr uint64_t kSampleStream = 0x73616d706c65;  // "sample"
constexpr float kNever = -std::numeric_limits<float>::infinity();

bool allowed(std::span<const uint32_t> mask, size_t id) {
  return id / 32 < mask.size() && (mask[id / 32] >> (id % 32) & 1u);
}

// Sorts `order` up to `count`, likeliest first and ties by id, when it is sorted up to `from` already.
void sort_first(std::vector<int32_t>& order, std::span<const float> logits, size_t from, size_t count) {
  auto better = [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  std::partial_sort(order.begin() + static_cast<int64_t>(from), order.begin() + static_cast<int64_t>(count),
                    order.end(), better);
}

// Index of the weight in which `target` of the running sum falls; the last positive one if rounding passes
// all.
size_t find_in_sum(std::span<const double> weights, double target) {
  double sum = 0;
  size_t last = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    sum += weights[i];
    last = i;
    if (target < sum) return i;
  }
  return last;
}

}  // namespace

int32_t argmax(std::span<const float> logits) {
  size_t best = 0;
  bool broken = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    broken |= !(logits[i] < std::numeric_limits<float>::infinity());
    if (logits[i] > logits[best]) best = i;
  }
  if (broken)
    base::failed(
        "[InferenceEngine] expected finite logits, got NaN or infinity: the weights or the adapter overflow");
  if (logits[best] == kNever) base::failed("[InferenceEngine] no token is allowed here");
  return static_cast<int32_t>(best);
}

Sampler::Sampler(const SamplingOptions& options, uint64_t seed, std::span<const int32_t> prompt)
    : temperature_(options.temperature),
      top_p_(options.top_p),
      min_p_(options.min_p),
      repetition_(options.repetition_penalty),
      presence_(options.presence_penalty),
      frequency_(options.frequency_penalty),
      top_k_(options.top_k),
      key_(base::derive(seed, kSampleStream)) {
  if (repetition_ != 1) seen_.insert(prompt.begin(), prompt.end());
}

bool Sampler::penalised() const { return repetition_ != 1 || presence_ != 0 || frequency_ != 0; }

void Sampler::penalise(std::span<float> logits) const {
  for (const int32_t id :
       seen_) {  // Keskar et al. 2019, section 4.1, with Hugging Face's rule for negative scores
    float& x = logits[static_cast<size_t>(id)];
    x = static_cast<float>(x < 0 ? x * repetition_ : x / repetition_);
  }
  for (const auto& [id, count] : output_) {
    float& x = logits[static_cast<size_t>(id)];
    x = static_cast<float>(x - (static_cast<double>(count) * frequency_ + presence_));
  }
}

int32_t Sampler::choose(std::span<const float> logits, std::span<const uint32_t> mask,
                        SamplerScratch& scratch) {
  argmax(logits);  // refuses what is not finite before a mask or a penalty can hide it
  if (penalised() || !mask.empty()) {
    scratch.logits.assign(logits.begin(), logits.end());
    if (penalised()) penalise(scratch.logits);
    if (!mask.empty())
      for (size_t id = 0; id < logits.size(); ++id)
        if (!allowed(mask, id)) scratch.logits[id] = kNever;
    logits = scratch.logits;
  }
  const int32_t id = temperature_ == 0 ? argmax(logits) : draw(logits, scratch);
  ++position_;
  if (repetition_ != 1) seen_.insert(id);
  if (presence_ != 0 || frequency_ != 0) ++output_[id];
  return id;
}

int32_t Sampler::draw(std::span<const float> logits, SamplerScratch& scratch) const {
  const double best = logits[static_cast<size_t>(argmax(logits))];
  const double u = base::uniform(key_, position_);
  auto& weights = scratch.weights;
  weights.resize(logits.size());
  double total = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    weights[i] = std::exp((logits[i] - best) / temperature_);  // the likeliest weighs 1
    total += weights[i];
  }
  const bool all =
      (top_k_ == 0 || top_k_ >= static_cast<int64_t>(logits.size())) && top_p_ >= 1 && min_p_ == 0;
  if (all) return static_cast<int32_t>(find_in_sum(weights, u * total));

  auto& order = scratch.order;
  order.resize(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t limit = top_k_ == 0 ? order.size() : std::min(order.size(), static_cast<size_t>(top_k_));
  size_t sorted = 0;
  auto weight_at = [&](size_t i) {
    if (i >= sorted) {
      const size_t more = std::min(order.size(), std::max<size_t>(64, 4 * sorted));
      sort_first(order, logits, sorted, more);
      sorted = more;
    }
    return weights[static_cast<size_t>(order[i])];
  };
  if (limit < order.size()) {  // top_p is a share of what top_k leaves
    total = 0;
    for (size_t i = 0; i < limit; ++i) total += weight_at(i);
  }
  std::vector<double> kept;
  double before = 0;  // mass of the likelier ones
  for (size_t i = 0; i < limit; ++i) {
    const double weight = weight_at(i);
    if (i > 0 && (weight <= 0 || before >= top_p_ * total || weight < min_p_)) break;
    kept.push_back(weight);
    before += weight;
  }
  return order[find_in_sum(kept, u * before)];
}

double log_sum_exp(std::span<const float> logits) {
  const double best = logits[static_cast<size_t>(argmax(logits))];
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - best);
  return best + std::log(sum);
}

std::vector<int32_t> largest(std::span<const float> logits, int64_t k) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t count = std::min(order.size(), static_cast<size_t>(k));
  sort_first(order, logits, 0, count);
  order.resize(count);
  return order;
}

}  // namespace whorl::serve
