#include "serve/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "base/random.h"
#include "ops/choosing.h"

namespace whorl::serve {
namespace {

constexpr uint64_t kSampleStream = 0x73616d706c65;  // "sample"

bool allowed(std::span<const uint32_t> mask, size_t id) {
  return id / 32 < mask.size() && (mask[id / 32] >> (id % 32) & 1u);
}

// Shortens `order` to the fewest of its best whose weights reach `target`. Buckets of nearly equal weights,
// by a weight's leading bits, say where the border is: only those of one bucket need to be sorted.
void keep_nucleus(std::vector<int32_t>& order, std::span<const float> weights, double target, Better better) {
  constexpr int kShift = 17;  // leaves exponent and six bits behind it; no weight is above 1
  const auto bucket_of = [&](int32_t id) {
    return std::bit_cast<uint32_t>(weights[static_cast<size_t>(id)]) >> kShift;
  };
  std::vector<double> masses((std::bit_cast<uint32_t>(1.0f) >> kShift) + 1);
  for (const int32_t id : order) masses[bucket_of(id)] += weights[static_cast<size_t>(id)];
  double mass = 0;
  size_t border = masses.size() - 1;
  while (border > 0 && mass + masses[border] < target) mass += masses[border--];
  const auto inside =
      std::partition(order.begin(), order.end(), [&](int32_t id) { return bucket_of(id) > border; });
  const auto outside =
      std::partition(inside, order.end(), [&](int32_t id) { return bucket_of(id) == border; });
  std::sort(inside, outside, better);
  auto end = inside;
  while (end != outside && (mass < target || end == order.begin()))
    mass += weights[static_cast<size_t>(*end++)];
  order.erase(end, order.end());
}

// Index of the weight in which `target` of the running sum falls; the last positive one if rounding passes
// all.
size_t find_in_sum(std::span<const float> weights, double target) {
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

// By lanes that know nothing of each other, as the largest of a block is found.
double block_sum(const float* p) {
  constexpr size_t kLanes = 8;
  double sums[kLanes] = {};
  for (size_t i = 0; i < kBlock; i += kLanes)
    for (size_t j = 0; j < kLanes; ++j) sums[j] += p[i + j];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

// The same of a whole vocabulary: the block first, whose sum is known, then the number.
struct BlockSums {
  std::span<const float> weights;
  std::vector<double> sums;
  double total = 0;

  explicit BlockSums(std::span<const float> w) : weights(w) {
    for (size_t i = 0; i < w.size(); i += kBlock) {
      const size_t n = std::min(kBlock, w.size() - i);
      sums.push_back(n == kBlock ? block_sum(w.data() + i) : std::accumulate(&w[i], &w[i] + n, 0.0));
      total += sums.back();
    }
  }
  size_t find(double target) const {
    size_t block = 0, last = 0;
    for (; block < sums.size(); ++block) {
      if (sums[block] > 0) last = block;
      if (target < sums[block]) break;
      target -= sums[block];
    }
    if (block == sums.size()) block = last;
    const size_t begin = block * kBlock;
    return begin + find_in_sum(weights.subspan(begin, std::min(kBlock, weights.size() - begin)), target);
  }
};

}  // namespace

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
  return note(temperature_ == 0 ? id : draw(logits, id, scratch));
}

int32_t Sampler::note(int32_t id) {
  ++position_;
  if (repetition_ != 1) seen_.insert(id);
  if (presence_ != 0 || frequency_ != 0) ++output_[id];
  return id;
}

int64_t Sampler::ranks_needed() const {
  if (penalised()) return 0;
  return temperature_ == 0 ? 1 : top_k_;
}

int32_t Sampler::choose(const Ranking& ranking, SamplerScratch& scratch) {
  if (std::isnan(ranking.logits[0])) refuse_broken();
  if (ranking.logits[0] == kNever) refuse_all();
  if (temperature_ == 0) return note(ranking.ids[0]);
  const auto count = static_cast<size_t>(std::min(top_k_, std::ssize(ranking.ids)));
  return note(draw_among({ranking.ids.first(count), ranking.logits.first(count)}, scratch));
}

namespace {
// exp((logit - best) / temperature): the likeliest weighs 1.
void weigh(std::span<const float> logits, float best, double temperature, SamplerScratch& scratch) {
  const float t = std::max(static_cast<float>(temperature), ops::Backend::kLeastTemperature);
  scratch.weights.resize(logits.size());
  if (scratch.backend)
    scratch.backend->exp_weights(logits, best, t, scratch.weights);
  else
    ops::exp_weights(logits, best, t, scratch.weights);
}

// The weights of all tokens that are less likely than the last of those in `order` become zero.
void clear_others(std::span<const float> logits, const std::vector<int32_t>& order,
                  std::vector<float>& weights) {
  const auto last = static_cast<size_t>(*std::max_element(order.begin(), order.end(), Better{logits}));
  const float lightest = logits[last];
  for (size_t i = 0; i < weights.size(); ++i)
    if (logits[i] < lightest || (logits[i] == lightest && i > last)) weights[i] = 0;
}
}  // namespace

int32_t Sampler::draw(std::span<const float> logits, int32_t likeliest, SamplerScratch& scratch) const {
  if (top_k_ > 0 && top_k_ < std::ssize(logits)) {
    const std::vector<int32_t>& ids = rank(logits, top_k_, scratch.order);
    scratch.best.clear();
    for (const int32_t id : ids) scratch.best.push_back(logits[static_cast<size_t>(id)]);
    return draw_among({ids, scratch.best}, scratch);
  }
  weigh(logits, logits[static_cast<size_t>(likeliest)], temperature_, scratch);
  const bool narrowed = top_p_ < 1 || min_p_ > 0;
  if (narrowed) keep_likely(logits, scratch);
  constexpr size_t kFew = 4096;
  if (narrowed && scratch.order.size() <= kFew) {
    std::sort(scratch.order.begin(), scratch.order.end());
    scratch.best.clear();
    for (const int32_t id : scratch.order) scratch.best.push_back(scratch.weights[static_cast<size_t>(id)]);
    return draw_ascending(scratch.order, scratch.best);
  }
  if (narrowed) clear_others(logits, scratch.order, scratch.weights);
  const BlockSums sums(scratch.weights);
  return static_cast<int32_t>(sums.find(base::uniform(key_, position_) * sums.total));
}

int32_t Sampler::draw_ascending(std::span<const int32_t> ids, std::span<const float> weights) const {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  return ids[find_in_sum(weights, base::uniform(key_, position_) * total)];
}

// The draw is among ids in ascending order, as it is among all of them.
int32_t Sampler::draw_among(const Ranking& ranking, SamplerScratch& scratch) const {
  auto& weights = scratch.weights;
  weigh(ranking.logits, ranking.logits[0], temperature_, scratch);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::pair<int32_t, float>> kept;  // by id
  double mass = 0;
  for (size_t i = 0; i < weights.size() && (top_p_ >= 1 || mass < top_p_ * total); ++i) {
    mass += weights[i];
    if (weights[i] >= min_p_) kept.emplace_back(ranking.ids[i], weights[i]);
  }
  std::sort(kept.begin(), kept.end());
  std::vector<int32_t> ids;
  std::vector<float> ascending;
  for (const auto& [id, weight] : kept) ids.push_back(id), ascending.push_back(weight);
  return draw_ascending(ids, ascending);
}

// In scratch.order the tokens that top_p and min_p leave, in any order.
void Sampler::keep_likely(std::span<const float> logits, SamplerScratch& scratch) const {
  auto& order = scratch.order;
  const auto& weights = scratch.weights;
  const double total = top_p_ < 1 ? BlockSums(weights).total : 0;
  // Tokens lighter than this weigh less than 1 - top_p all together, so none of them is needed to reach
  // top_p.
  const double light = top_p_ < 1 ? (1 - top_p_) * total / static_cast<double>(logits.size()) : 0;
  const auto least = static_cast<float>(top_p_ < 1 ? light : min_p_);
  order.clear();
  for (size_t begin = 0; begin < weights.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, weights.size());
    if (end - begin == kBlock && block_maximum(&weights[begin]).value < least) continue;
    for (size_t i = begin; i < end; ++i)
      if (weights[i] >= least) order.push_back(static_cast<int32_t>(i));
  }
  if (top_p_ < 1) keep_nucleus(order, weights, top_p_ * total, Better{logits});
  std::erase_if(order, [&](int32_t id) { return weights[static_cast<size_t>(id)] < min_p_; });
}

double log_sum_exp(std::span<const float> logits, float largest, const ops::Backend* backend) {
  const double sum = backend ? backend->sum_exp(logits, largest) : ops::sum_exp(logits, largest);
  return static_cast<double>(largest) + std::log(sum);
}

}  // namespace whorl::serve
