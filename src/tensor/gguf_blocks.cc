// What the numbers of a GGUF block stand for. Layouts: ggml's block_q4_0, block_q8_0, block_q4_K, block_q6_K.
#include <cstring>

#include "base/check.h"
#include "tensor/gguf.h"
#include "tensor/gguf_scales.h"

namespace whorl::tensor {

namespace {

constexpr int64_t kSuper = 256;  // numbers of a K block

float half_at(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return half_to_float(bits);
}

// Half float scale, 16 bytes: number i in the low, i + 16 in the high half of byte i, less 8.
void widen_q4_0(const uint8_t* p, float* y) {
  const float d = half_at(p);
  for (int i = 0; i < 16; ++i) {
    y[i] = d * static_cast<float>((p[2 + i] & 15) - 8);
    y[i + 16] = d * static_cast<float>((p[2 + i] >> 4) - 8);
  }
}

void widen_q8_0(const uint8_t* p, float* y) {
  const float d = half_at(p);
  for (int i = 0; i < 32; ++i) y[i] = d * static_cast<float>(static_cast<int8_t>(p[2 + i]));
}

void widen_q4_k(const uint8_t* p, float* y) {
  const float d = half_at(p), least = half_at(p + 2);
  for (int j = 0; j < 8; ++j) {
    int scale = 0, minimum = 0;
    scale_and_minimum(p + 4, j, scale, minimum);
    const float step = d * static_cast<float>(scale), below = least * static_cast<float>(minimum);
    const uint8_t* q = p + 16 + j / 2 * 32;
    for (int i = 0; i < 32; ++i)
      y[j * 32 + i] = step * static_cast<float>(j % 2 ? q[i] >> 4 : q[i] & 15) - below;
  }
}

// Four bits in `low`, two in `high`, less 32; sixteen numbers share a signed scale.
void widen_q6_k(const uint8_t* p, float* y) {
  const float d = half_at(p + 208);
  for (int i = 0; i < kSuper; ++i) {
    const int half = i / 128, quarter = i % 128 / 32, at = i % 32;
    const uint8_t low = p[half * 64 + quarter % 2 * 32 + at], high = p[128 + half * 32 + at];
    const int code = (quarter < 2 ? low & 15 : low >> 4) | (high >> quarter * 2 & 3) << 4;
    const auto scale = static_cast<int8_t>(p[192 + i / 16]);
    y[i] = d * static_cast<float>(scale) * static_cast<float>(code - 32);
  }
}

void widen_plain(GgufType type, const uint8_t* p, float* y) {
  if (type == GgufType::f32) {
    std::memcpy(y, p, sizeof *y);
  } else if (type == GgufType::f16) {
    *y = half_at(p);
  } else {
    uint16_t bits;
    std::memcpy(&bits, p, sizeof bits);
    *y = bf16_to_float(bits);
  }
}

}  // namespace

const char* name_of(GgufType type) {
  switch (type) {
    case GgufType::f32:
      return "F32";
    case GgufType::f16:
      return "F16";
    case GgufType::bf16:
      return "BF16";
    case GgufType::q4_0:
      return "Q4_0";
    case GgufType::q8_0:
      return "Q8_0";
    case GgufType::q4_k:
      return "Q4_K";
    case GgufType::q6_k:
      return "Q6_K";
  }
  return "unknown";
}

int64_t block_size(GgufType type) {
  if (type == GgufType::q4_0 || type == GgufType::q8_0) return 32;
  return type == GgufType::q4_k || type == GgufType::q6_k ? kSuper : 1;
}

int64_t bytes_per_block(GgufType type) {
  switch (type) {
    case GgufType::f32:
      return 4;
    case GgufType::f16:
    case GgufType::bf16:
      return 2;
    case GgufType::q4_0:
      return 18;
    case GgufType::q8_0:
      return 34;
    case GgufType::q4_k:
      return 144;
    case GgufType::q6_k:
      return 210;
  }
  base::invalid("[Gguf] a type that is not known: ", static_cast<uint32_t>(type));
}

void widen_blocks(GgufType type, const uint8_t* from, int64_t n, float* to) {
  const int64_t size = block_size(type), bytes = bytes_per_block(type);
  for (int64_t i = 0; i < n; i += size, from += bytes) {
    if (type == GgufType::q4_0)
      widen_q4_0(from, to + i);
    else if (type == GgufType::q8_0)
      widen_q8_0(from, to + i);
    else if (type == GgufType::q4_k)
      widen_q4_k(from, to + i);
    else if (type == GgufType::q6_k)
      widen_q6_k(from, to + i);
    else
      widen_plain(type, from, to + i);
  }
}

}  // namespace whorl::tensor
