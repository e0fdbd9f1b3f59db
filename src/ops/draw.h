#pragma once
// How a token is drawn from a row of logits: one rule for hosts and devices, whatever order they add in,
// since what is added are whole numbers.
#include <bit>
#include <cstdint>
#include <span>

namespace whorl::ops {

// A token that was there before, and how often it was put out.
struct Penalty {
  int32_t id = 0, count = 0;
};

// The steps of Hugging Face's samplers, in this order: penalties, what is allowed, temperature, top_k, top_p,
// min_p, draw.
struct Draw {
  double top_p = 1;       // keeps the fewest likeliest whose weights reach this share; (0, 1]
  double min_p = 0;       // keeps what weighs at least this share of the likeliest; [0, 1]
  double uniform = 0;     // where in the sum of what is kept the token lies, ids ascending; [0, 1)
  int64_t top_k = 0;      // keeps so many of the likeliest, of equal ones the least ids; 0 = all
  float temperature = 0;  // logits are divided by it; 0 = the likeliest, of equal ones the least id
  double repetition = 1, presence = 0, frequency = 0;  // what penalties cost: see penalised()
  std::span<const Penalty> penalties = {};             // each id once; somebody else's, until it is drawn
  std::span<const uint32_t> allowed = {};  // bit i % 32 of word i / 32: whether token i is; empty = all are

  constexpr bool changes() const { return !penalties.empty() || !allowed.empty(); }
};
inline constexpr int64_t kMostPenalties = 4096;  // that a caller should ask a device for
constexpr int64_t mask_words(int64_t vocabulary) { return (vocabulary + 31) / 32; }

// A logit of a token that was there before: Keskar et al. 2019, section 4.1, with Hugging Face's rule for
// negative ones; then OpenAI's presence and frequency.
constexpr float penalised(float logit, double repetition, double presence, double frequency, int32_t count) {
  const double x = static_cast<double>(logit);
  if (repetition != 1) logit = static_cast<float>(x < 0 ? x * repetition : x / repetition);
  if (count == 0) return logit;
  return static_cast<float>(static_cast<double>(logit) - (static_cast<double>(count) * frequency + presence));
}

// Instead of an id.
inline constexpr int32_t kBrokenLogits = -1;   // NaN or +infinity is among them
inline constexpr int32_t kNothingLikely = -2;  // all are -infinity

// exp(x) of x <= 0, the same bits wherever + and * round as IEEE 754 says: x = n ln 2 + r, |r| <= ln 2 / 2,
// Taylor's series to r^7 / 7! leaves 5e-9. ln 2 in two parts, the first with few bits (Cody and Waite 1980).
constexpr float exp_weight(float x) {
  if (!(x > -87.0f)) return 0;  // so is 2^-125
  const float n = (x * 1.44269504f + 0x1.8p23f) - 0x1.8p23f;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720, p = p * r + 1.0f / 120, p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6, p = p * r + 0.5f, p = p * r + 1, p = p * r + 1;
  return p * std::bit_cast<float>(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
}

// A weight of [0, 1] in units of 2^-40, to the nearest: sums of up to 2^23 of them have room, and what is
// lighter than half a unit is never drawn.
constexpr uint64_t whole_weight(float weight) {
  constexpr double kUnits = 0x1p40, kWhole = 0x1p52;  // a double above that has no fraction
  return std::bit_cast<uint64_t>(static_cast<double>(weight) * kUnits + kWhole) -
         std::bit_cast<uint64_t>(kWhole);
}

// The least mass that reaches a share of `total`, at least 1.
constexpr uint64_t share_of(double share, uint64_t total) {
  const double exact = share * static_cast<double>(total);
  uint64_t least = static_cast<uint64_t>(exact);
  if (static_cast<double>(least) < exact) ++least;
  return least < 1 ? 1 : least < total ? least : total;
}

// Which unit of `total` > 0 is drawn.
constexpr uint64_t unit_at(double uniform, uint64_t total) {
  const uint64_t unit = static_cast<uint64_t>(uniform * static_cast<double>(total));
  return unit < total ? unit : total - 1;
}

class Backend;
// One row, by sorting it: what Backend::draw does unless it knows better.
int32_t draw_row(const Backend& backend, std::span<const float> logits, const Draw& how);

}  // namespace whorl::ops
