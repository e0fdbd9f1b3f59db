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

// Likelier first, ties by id: a strict order of all tokens.
struct Better {
  std::span<const float> logits;
  bool operator()(int32_t a, int32_t b) const {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  }
};

// Shortens `order` to the fewest of its best whose weights reach `target`, in linear time: the half that
// cannot hold the border is left alone.
void keep_nucleus(std::vector<int32_t>& order, const std::vector<double>& weights, double target,
                  Better better) {
  size_t low = 0, high = order.size();
  double before = 0;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    std::nth_element(order.begin() + static_cast<int64_t>(low), order.begin() + static_cast<int64_t>(middle),
                     order.begin() + static_cast<int64_t>(high), better);
    double mass = before;
    for (size_t i = low; i < middle; ++i) mass += weights[static_cast<size_t>(order[i])];
    if (mass >= target) {
      high = middle;
    } else {
      low = middle;
      before = mass;
    }
  }
  order.resize(high);
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

struct Largest {
  size_t at = 0;  // the least of the largest
  float value = kNever;
  bool broken = false;  // some number is NaN or infinity
};

// Blocks by lanes that know nothing of each other, so that the compiler takes several at once; only a block
// that holds something larger than all before it is searched for its place.
Largest find_largest(std::span<const float> x) {
  constexpr size_t kBlock = 256, kLanes = 16;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Largest out;
  size_t begin = 0;
  for (; begin + kBlock <= x.size(); begin += kBlock) {
    const float* const p = x.data() + begin;
    float most[kLanes];
    int32_t fine[kLanes];
    for (size_t j = 0; j < kLanes; ++j) most[j] = p[j], fine[j] = -1;
    for (size_t i = 0; i < kBlock; i += kLanes)
      for (size_t j = 0; j < kLanes; ++j) {
        most[j] = p[i + j] > most[j] ? p[i + j] : most[j];
        fine[j] &= -static_cast<int32_t>(p[i + j] < kInfinity);
      }
    for (size_t j = 0; j < kLanes; ++j) out.broken |= fine[j] == 0;
    const float largest = *std::max_element(most, most + kLanes);
    if (!(largest > out.value)) continue;
    out.value = largest;
    out.at = begin;
    while (x[out.at] != largest) ++out.at;
  }
  for (size_t i = begin; i < x.size(); ++i) {
    out.broken |= !(x[i] < kInfinity);
    if (x[i] > out.value) out.value = x[i], out.at = i;
  }
  return out;
}

}  // namespace

int32_t argmax(std::span<const float> logits) {
  const Largest found = find_largest(logits);
  if (found.broken)
    base::failed(
        "[InferenceEngine] expected finite logits, got NaN or infinity: the weights or the adapter overflow");
  if (found.value == kNever) base::failed("[InferenceEngine] no token is allowed here");
  return static_cast<int32_t>(found.at);
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
  // Refuses what is not finite before a mask or a penalty can hide it.
  int32_t id = argmax(logits);
  if (penalised() || !mask.empty()) {
    scratch.logits.assign(logits.begin(), logits.end());
    if (penalised()) penalise(scratch.logits);
    if (!mask.empty())
      for (size_t i = 0; i < logits.size(); ++i)
        if (!allowed(mask, i)) scratch.logits[i] = kNever;
    logits = scratch.logits;
    id = argmax(logits);
  }
  if (temperature_ != 0) id = draw(logits, id, scratch);
  ++position_;
  if (repetition_ != 1) seen_.insert(id);
  if (presence_ != 0 || frequency_ != 0) ++output_[id];
  return id;
}

int32_t Sampler::draw(std::span<const float> logits, int32_t likeliest, SamplerScratch& scratch) const {
  const double best = logits[static_cast<size_t>(likeliest)];
  auto& weights = scratch.weights;
  weights.resize(logits.size());
  double total = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    weights[i] = std::exp((logits[i] - best) / temperature_);  // the likeliest weighs 1
    total += weights[i];
  }
  narrow(logits, total, scratch);
  total = 0;
  for (const double weight : weights) total += weight;
  return static_cast<int32_t>(find_in_sum(weights, base::uniform(key_, position_) * total));
}

// Sets the weights of tokens that top_k, top_p or min_p exclude to zero.
void Sampler::narrow(std::span<const float> logits, double total, SamplerScratch& scratch) const {
  auto& order = scratch.order;
  auto& weights = scratch.weights;
  const bool few = top_k_ > 0 && top_k_ < std::ssize(logits);
  if (few || top_p_ < 1) {
    const Better better{logits};
    // Tokens lighter than this weigh less than 1 - top_p all together, so none of them is needed to reach
    // top_p.
    const double light = few ? 0 : (1 - top_p_) * total / static_cast<double>(logits.size());
    order.clear();
    for (size_t i = 0; i < weights.size(); ++i)
      if (weights[i] >= light) order.push_back(static_cast<int32_t>(i));
    if (few) {
      std::nth_element(order.begin(), order.begin() + top_k_, order.end(), better);
      order.resize(static_cast<size_t>(top_k_));
      total = 0;
      for (const int32_t id : order) total += weights[static_cast<size_t>(id)];
    }
    if (top_p_ < 1) keep_nucleus(order, weights, top_p_ * total, better);
    const int32_t last = *std::max_element(order.begin(), order.end(), better);
    for (size_t i = 0; i < weights.size(); ++i)
      if (better(last, static_cast<int32_t>(i))) weights[i] = 0;
  }
  if (min_p_ > 0)
    for (double& weight : weights)
      if (weight < min_p_) weight = 0;
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
  const auto count = std::min(std::ssize(order), k);
  std::partial_sort(order.begin(), order.begin() + count, order.end(), Better{logits});
  order.resize(static_cast<size_t>(count));
  return order;
}

}  // namespace whorl::serve
