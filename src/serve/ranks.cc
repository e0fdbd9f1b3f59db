#include "serve/ranks.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace whorl::serve {

// Blocks by lanes that know nothing of each other, so that the compiler takes several at once; only a block
// that holds something larger than what was found before it is looked at number by number.
BlockMaximum block_maximum(const float* p) {
  constexpr size_t kLanes = 16;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float most[kLanes];
  int32_t fine[kLanes];
  for (size_t j = 0; j < kLanes; ++j) most[j] = p[j], fine[j] = -1;
  for (size_t i = 0; i < kBlock; i += kLanes)
    for (size_t j = 0; j < kLanes; ++j) {
      most[j] = p[i + j] > most[j] ? p[i + j] : most[j];
      fine[j] &= -static_cast<int32_t>(p[i + j] < kInfinity);
    }
  BlockMaximum out{*std::max_element(most, most + kLanes), false};
  for (size_t j = 0; j < kLanes; ++j) out.broken |= fine[j] == 0;
  return out;
}

namespace {
struct Largest {
  size_t at = 0;  // the least of the largest
  float value = kNever;
  bool broken = false;  // some number is NaN or infinity
};

Largest find_largest(std::span<const float> x) {
  Largest out;
  size_t begin = 0;
  for (; begin + kBlock <= x.size(); begin += kBlock) {
    const BlockMaximum block = block_maximum(x.data() + begin);
    out.broken |= block.broken;
    if (!(block.value > out.value)) continue;
    out.value = block.value;
    out.at = begin;
    while (x[out.at] != block.value) ++out.at;
  }
  for (size_t i = begin; i < x.size(); ++i) {
    out.broken |= !(x[i] < std::numeric_limits<float>::infinity());
    if (x[i] > out.value) out.value = x[i], out.at = i;
  }
  return out;
}
}  // namespace

void refuse_broken() {
  base::failed(
      "[InferenceEngine] expected finite logits, got NaN or infinity: the weights or the adapter overflow");
}
void refuse_all() { base::failed("[InferenceEngine] no token is allowed here"); }

int32_t argmax(std::span<const float> logits) {
  const Largest found = find_largest(logits);
  if (found.broken) refuse_broken();
  if (found.value == kNever) refuse_all();
  return static_cast<int32_t>(found.at);
}

// The ids of the k largest, best first, in `order`: a heap with the worst of them on top, which only a larger
// number replaces (of equal ones the first stays). Numbers are no NaN.
std::vector<int32_t>& rank(std::span<const float> logits, int64_t k, std::vector<int32_t>& order) {
  const Better better{logits};
  order.resize(static_cast<size_t>(k));
  std::iota(order.begin(), order.end(), 0);
  std::make_heap(order.begin(), order.end(), better);
  const auto offer = [&](size_t i) {
    if (!(logits[i] > logits[static_cast<size_t>(order.front())])) return;
    std::pop_heap(order.begin(), order.end(), better);
    order.back() = static_cast<int32_t>(i);
    std::push_heap(order.begin(), order.end(), better);
  };
  auto i = static_cast<size_t>(k);
  while (i < logits.size()) {
    const bool whole = i % kBlock == 0 && i + kBlock <= logits.size();
    const size_t end = whole ? i + kBlock : i + 1;
    if (!whole || block_maximum(logits.data() + i).value > logits[static_cast<size_t>(order.front())])
      for (size_t at = i; at < end; ++at) offer(at);
    i = end;
  }
  std::sort_heap(order.begin(), order.end(), better);
  return order;
}

std::vector<int32_t> largest(std::span<const float> logits, int64_t k) {
  std::vector<int32_t> order;
  if (k <= 0) return order;
  rank(logits, std::min(k, std::ssize(logits)), order);
  return order;
}

}  // namespace whorl::serve
