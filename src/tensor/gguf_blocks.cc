// What the numbers of a GGUF block stand for. Layouts: ggml's block_q4_0, block_q5_K and so on.
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

// Two half floats, step and least number, then nibbles as in Q4_0, nothing less.
void widen_q4_1(const uint8_t* p, float* y) {
  const float d = half_at(p), least = half_at(p + 2);
  for (int i = 0; i < 16; ++i) {
    y[i] = d * static_cast<float>(p[4 + i] & 15) + least;
    y[i + 16] = d * static_cast<float>(p[4 + i] >> 4) + least;
  }
}

// The fifth bits of 32 numbers stand before their nibbles: number i's is bit i.
int fifth(const uint8_t* bits, int i) { return (bits[i / 8] >> i % 8 & 1) << 4; }

void widen_q5_0(const uint8_t* p, float* y) {
  const float d = half_at(p);
  for (int i = 0; i < 16; ++i) {
    y[i] = d * static_cast<float>(((p[6 + i] & 15) | fifth(p + 2, i)) - 16);
    y[i + 16] = d * static_cast<float>(((p[6 + i] >> 4) | fifth(p + 2, i + 16)) - 16);
  }
}

void widen_q5_1(const uint8_t* p, float* y) {
  const float d = half_at(p), least = half_at(p + 2);
  for (int i = 0; i < 16; ++i) {
    y[i] = d * static_cast<float>((p[8 + i] & 15) | fifth(p + 4, i)) + least;
    y[i + 16] = d * static_cast<float>((p[8 + i] >> 4) | fifth(p + 4, i + 16)) + least;
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

// As Q4_K, with bit j of byte i of `high` on top of number i of eighth j.
void widen_q5_k(const uint8_t* p, float* y) {
  const float d = half_at(p), least = half_at(p + 2);
  const uint8_t* high = p + 16;
  for (int j = 0; j < 8; ++j) {
    int scale = 0, minimum = 0;
    scale_and_minimum(p + 4, j, scale, minimum);
    const float step = d * static_cast<float>(scale), below = least * static_cast<float>(minimum);
    const uint8_t* q = p + 48 + j / 2 * 32;
    for (int i = 0; i < 32; ++i)
      y[j * 32 + i] =
          step * static_cast<float>((j % 2 ? q[i] >> 4 : q[i] & 15) | (high[i] >> j & 1) << 4) - below;
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

void widen_f32(const uint8_t* p, float* y) { std::memcpy(y, p, sizeof *y); }
void widen_f16(const uint8_t* p, float* y) { *y = half_at(p); }
void widen_bf16(const uint8_t* p, float* y) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  *y = bf16_to_float(bits);
}

struct Kind {
  GgufType type;
  const char* name;
  int64_t numbers, bytes;  // of a block
  void (*widen)(const uint8_t* block, float* to);
};
constexpr Kind kKinds[] = {
    {GgufType::f32, "F32", 1, 4, widen_f32},           {GgufType::f16, "F16", 1, 2, widen_f16},
    {GgufType::bf16, "BF16", 1, 2, widen_bf16},        {GgufType::q4_0, "Q4_0", 32, 18, widen_q4_0},
    {GgufType::q4_1, "Q4_1", 32, 20, widen_q4_1},      {GgufType::q5_0, "Q5_0", 32, 22, widen_q5_0},
    {GgufType::q5_1, "Q5_1", 32, 24, widen_q5_1},      {GgufType::q8_0, "Q8_0", 32, 34, widen_q8_0},
    {GgufType::q4_k, "Q4_K", kSuper, 144, widen_q4_k}, {GgufType::q5_k, "Q5_K", kSuper, 176, widen_q5_k},
    {GgufType::q6_k, "Q6_K", kSuper, 210, widen_q6_k}};

const Kind* find(GgufType type) {
  for (const Kind& kind : kKinds)
    if (kind.type == type) return &kind;
  return nullptr;
}
const Kind& kind_of(GgufType type) {
  const Kind* kind = find(type);
  if (!kind) base::invalid("[Gguf] a type that is not known: ", static_cast<uint32_t>(type));
  return *kind;
}

}  // namespace

bool known(GgufType type) { return find(type) != nullptr; }
const char* name_of(GgufType type) { return known(type) ? find(type)->name : "unknown"; }
int64_t block_size(GgufType type) { return kind_of(type).numbers; }
int64_t bytes_per_block(GgufType type) { return kind_of(type).bytes; }

std::string known_types() {
  std::string out;
  for (const Kind& kind : kKinds) out += base::concat(out.empty() ? "" : ", ", kind.name);
  return out;
}

void widen_blocks(GgufType type, const uint8_t* from, int64_t n, float* to) {
  const Kind& kind = kind_of(type);
  for (int64_t i = 0; i < n; i += kind.numbers, from += kind.bytes) kind.widen(from, to + i);
}

}  // namespace whorl::tensor
