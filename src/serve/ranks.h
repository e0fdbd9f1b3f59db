#pragma once
// The largest of a row of logits. A vocabulary is long, and little of it matters.
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace whorl::serve {

inline constexpr float kNever = -std::numeric_limits<float>::infinity();

// Likelier first, ties by id: a strict order of all tokens.
struct Better {
  std::span<const float> logits;
  bool operator()(int32_t a, int32_t b) const {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  }
};

// Numbers that are looked at together: a block whose largest does not matter is left alone.
inline constexpr size_t kBlock = 256;
struct BlockMaximum {
  float value;
  bool broken;  // some number is NaN or infinity
};
BlockMaximum block_maximum(const float* block);

// The least id among the likeliest. std::runtime_error when a logit is NaN or +inf, or all are -inf.
int32_t argmax(std::span<const float> logits);
// What argmax throws.
[[noreturn]] void refuse_broken();
[[noreturn]] void refuse_all();

// Ids of the k <= N largest logits, none of them NaN, best first, ties by id, in `order`.
std::vector<int32_t>& rank(std::span<const float> logits, int64_t k, std::vector<int32_t>& order);
// The same of any k.
std::vector<int32_t> largest(std::span<const float> logits, int64_t k);

}  // namespace whorl::serve
