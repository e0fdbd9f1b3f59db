#include "serve/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

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
void keep_nucleus(std::vector<int32_t>& order, std::span<const float> weights, uint64_t target,
                  Better better) {
  constexpr int kShift = 17;  // leaves exponent and six bits behind it; no weight is above 1
  const auto bucket_of = [&](int32_t id) {
    return std::bit_cast<uint32_t>(weights[static_cast<size_t>(id)]) >> kShift;
  };
  const auto mass_of = [&](int32_t id) { return ops::whole_weight(weights[static_cast<size_t>(id)]); };
  std::vector<uint64_t> masses((std::bit_cast<uint32_t>(1.0f) >> kShift) + 1);
  for (const int32_t id : order) masses[bucket_of(id)] += mass_of(id);
  uint64_t mass = 0;
  size_t border = masses.size() - 1;
  while (border > 0 && mass + masses[border] < target) mass += masses[border--];
  const auto inside =
      std::partition(order.begin(), order.end(), [&](int32_t id) { return bucket_of(id) > border; });
  const auto outside =
      std::partition(inside, order.end(), [&](int32_t id) { return bucket_of(id) == border; });
  std::sort(inside, outside, better);
  auto end = inside;
  while (end != outside && mass < target) mass += mass_of(*end++);
  order.erase(end, order.end());
}

// Index of the weight in which `unit` of the running sum falls.
size_t find_in_sum(std::span<const float> weights, uint64_t unit) {
  uint64_t sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    sum += ops::whole_weight(weights[i]);
    if (unit < sum) return i;
  }
  throw std::logic_error("[Sampler] a unit behind all weights");
}

uint64_t sum_of(std::span<const float> weights) {
  uint64_t sum = 0;
  for (const float w : weights) sum += ops::whole_weight(w);
  return sum;
}

// The same of a whole vocabulary: the block first, whose sum is known, then the number.
struct BlockSums {
  std::span<const float> weights;
  std::vector<uint64_t> sums;
  uint64_t total = 0;

  explicit BlockSums(std::span<const float> w) : weights(w) {
    for (size_t i = 0; i < w.size(); i += kBlock) {
      sums.push_back(sum_of(w.subspan(i, std::min(kBlock, w.size() - i))));
      total += sums.back();
    }
  }
  size_t find(uint64_t unit) const {
    size_t block = 0;
    while (block + 1 < sums.size() && unit >= sums[block]) unit -= sums[block++];
    const size_t begin = block * kBlock;
    return begin + find_in_sum(weights.subspan(begin, std::min(kBlock, weights.size() - begin)), unit);
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
  if (repetition_ != 1)
    for (const int32_t id : prompt) remember(id, 0);
}

bool Sampler::penalised() const { return repetition_ != 1 || presence_ != 0 || frequency_ != 0; }

void Sampler::remember(int32_t id, int32_t count) {
  const auto [found, fresh] = places_.try_emplace(id, penalties_.size());
  if (fresh) penalties_.push_back({id, 0});
  penalties_[found->second].count += count;
}

void Sampler::penalise(std::span<float> logits) const {
  for (const ops::Penalty& p : penalties_) {
    float& x = logits[static_cast<size_t>(p.id)];
    x = ops::penalised(x, repetition_, presence_, frequency_, p.count);
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
  if (penalised()) remember(id, 1);
  return id;
}

// Greedy is 0, and all else is more than that however little a float holds of it.
float Sampler::temperature() const {
  if (temperature_ == 0) return 0;
  return std::max(static_cast<float>(temperature_), ops::Backend::kLeastTemperature);
}

ops::Draw Sampler::next_draw(int64_t ahead) const {
  ops::Draw out{top_p_, min_p_, 0, top_k_, temperature()};
  if (temperature_ != 0) out.uniform = base::uniform(key_, position_ + static_cast<uint64_t>(ahead));
  out.repetition = repetition_, out.presence = presence_, out.frequency = frequency_;
  out.penalties = penalties_;
  return out;
}

int32_t Sampler::take(int32_t drawn) {
  if (drawn == ops::kBrokenLogits) refuse_broken();
  if (drawn == ops::kNothingLikely) refuse_all();
  return note(drawn);
}

namespace {
// exp((logit - best) / temperature): the likeliest weighs 1.
void weigh(std::span<const float> logits, float best, float temperature, SamplerScratch& scratch) {
  scratch.weights.resize(logits.size());
  if (scratch.backend)
    scratch.backend->exp_weights(logits, best, temperature, scratch.weights);
  else
    ops::exp_weights(logits, best, temperature, scratch.weights);
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
    return draw_among(ids, scratch);
  }
  weigh(logits, logits[static_cast<size_t>(likeliest)], temperature(), scratch);
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
  return static_cast<int32_t>(sums.find(ops::unit_at(base::uniform(key_, position_), sums.total)));
}

int32_t Sampler::draw_ascending(std::span<const int32_t> ids, std::span<const float> weights) const {
  return ids[find_in_sum(weights, ops::unit_at(base::uniform(key_, position_), sum_of(weights)))];
}

// `ids`, best first, have the logits scratch.best. The draw is among ids in ascending order, as it is among
// all of them.
int32_t Sampler::draw_among(std::span<const int32_t> ids, SamplerScratch& scratch) const {
  auto& weights = scratch.weights;
  weigh(scratch.best, scratch.best[0], temperature(), scratch);
  const uint64_t target = top_p_ < 1 ? ops::share_of(top_p_, sum_of(weights)) : ~uint64_t{0};
  std::vector<std::pair<int32_t, float>> kept;  // by id
  uint64_t mass = 0;
  for (size_t i = 0; i < weights.size() && mass < target; ++i) {
    mass += ops::whole_weight(weights[i]);
    if (weights[i] >= min_p_) kept.emplace_back(ids[i], weights[i]);
  }
  std::sort(kept.begin(), kept.end());
  std::vector<int32_t> ascending;
  scratch.best.clear();
  for (const auto& [id, weight] : kept) ascending.push_back(id), scratch.best.push_back(weight);
  return draw_ascending(ascending, scratch.best);
}

// In scratch.order the tokens that top_p and min_p leave, in any order.
void Sampler::keep_likely(std::span<const float> logits, SamplerScratch& scratch) const {
  auto& order = scratch.order;
  const auto& weights = scratch.weights;
  const uint64_t total = top_p_ < 1 ? BlockSums(weights).total : 0;
  // Tokens lighter than this weigh less than 1 - top_p all together, so none of them is needed to reach
  // top_p; a little less, for what is rounded.
  const double light = (1 - top_p_) * static_cast<double>(total) / static_cast<double>(logits.size());
  const auto least = static_cast<float>(top_p_ < 1 ? std::max(0.0, .99 * light - 1) * 0x1p-40 : min_p_);
  order.clear();
  for (size_t begin = 0; begin < weights.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, weights.size());
    if (end - begin == kBlock && block_maximum(&weights[begin]).value < least) continue;
    for (size_t i = begin; i < end; ++i)
      if (weights[i] >= least) order.push_back(static_cast<int32_t>(i));
  }
  if (top_p_ < 1) keep_nucleus(order, weights, ops::share_of(top_p_, total), Better{logits});
  std::erase_if(order, [&](int32_t id) { return weights[static_cast<size_t>(id)] < min_p_; });
}

double log_sum_exp(std::span<const float> logits, float largest, const ops::Backend* backend) {
  const double sum = backend ? backend->sum_exp(logits, largest) : ops::sum_exp(logits, largest);
  return static_cast<double>(largest) + std::log(sum);
}

}  // namespace whorl::serve
