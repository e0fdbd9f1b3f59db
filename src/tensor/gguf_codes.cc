// Blocks taken apart into plain codes and scales, nothing rounded but what float16 cannot hold.
#include <cstring>

#include "base/check.h"
#include "tensor/gguf.h"
#include "tensor/gguf_scales.h"

namespace whorl::tensor {

namespace {

constexpr int64_t kGroup = 32, kSuper = 256;

uint16_t half_bits(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return bits;
}

// Numbers 0..31 of a group given two at a time become sixteen bytes.
template <class Code>
void store_pairs(const Code& code, uint8_t* to) {
  for (int i = 0; i < 16; ++i) to[i] = static_cast<uint8_t>(code(2 * i) | code(2 * i + 1) << 4);
}

void copy_nibbles(const uint8_t* p, uint8_t* to) {
  store_pairs([&](int i) { return i < 16 ? p[i] & 15 : p[i - 16] >> 4; }, to);
}

void copy_q4_k(const uint8_t* p, int64_t first_group, const GgufCodes& to) {
  const float d = half_to_float(half_bits(p)), least = half_to_float(half_bits(p + 2));
  for (int j = 0; j < 8; ++j) {
    int scale = 0, minimum = 0;
    scale_and_minimum(p + 4, j, scale, minimum);
    to.scales[first_group + j] = float_to_half(d * static_cast<float>(scale));
    to.minima[first_group + j] = float_to_half(least * static_cast<float>(minimum));
    const uint8_t* q = p + 16 + j / 2 * 32;
    store_pairs([&](int i) { return j % 2 ? q[i] >> 4 : q[i] & 15; }, to.codes + (first_group + j) * 16);
  }
}

}  // namespace

bool has_minima(GgufType type) { return type == GgufType::q4_1 || type == GgufType::q4_k; }
bool has_codes(GgufType type) { return type == GgufType::q8_0 || type == GgufType::q4_0 || has_minima(type); }

void copy_codes(GgufType type, const uint8_t* from, int64_t n, const GgufCodes& to) {
  base::check_argument(has_codes(type), "[copy_codes] ", name_of(type), " has no codes of this kind");
  const int64_t bytes = bytes_per_block(type);
  if (type == GgufType::q4_k) {
    for (int64_t i = 0; i < n / kSuper; ++i) copy_q4_k(from + i * bytes, i * 8, to);
    return;
  }
  for (int64_t group = 0; group < n / kGroup; ++group, from += bytes) {
    to.scales[group] = half_bits(from);
    if (type == GgufType::q8_0) {
      std::memcpy(to.codes + group * kGroup, from + 2, kGroup);
      continue;
    }
    // Q4_1 adds its least number, which is taken away here.
    if (type == GgufType::q4_1) to.minima[group] = half_bits(from + 2) ^ 0x8000;
    copy_nibbles(from + (type == GgufType::q4_1 ? 4 : 2), to.codes + group * kGroup / 2);
  }
}

bool scales_are_finite(GgufType type, const uint8_t* from, int64_t n) {
  base::check_argument(has_codes(type) && type != GgufType::q4_k, "[scales_are_finite] ", name_of(type),
                       " has no scales of this kind");
  const auto full = [](uint16_t bits) { return (bits & 0x7c00) == 0x7c00; };
  const int64_t bytes = bytes_per_block(type);
  int found = 0;
  for (int64_t group = 0; group < n / kGroup; ++group, from += bytes)
    found += full(half_bits(from)) || (type == GgufType::q4_1 && full(half_bits(from + 2)));
  return found == 0;
}

}  // namespace whorl::tensor
