#pragma once
// GGUF on disk, versions 2 and 3, little-endian: a header of typed keys, a table of tensors, their bytes.
// Files are hostile until read: every count and length is bounded by the bytes that are left in the file,
// with checked arithmetic, before anything is allocated for it.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tensor/tensor.h"

namespace whorl::tensor {

// Integers and booleans of any width are int64, floats double; lists hold one of the kinds.
using GgufValue = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>>;

// How a tensor's numbers are stored, by the file's own numbers.
enum class GgufType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  bf16 = 30
};
bool known(GgufType type);           // one of these
std::string known_types();           // "F32, F16, …"
const char* name_of(GgufType type);  // "Q4_K"
int64_t block_size(GgufType type);   // numbers that share a block; 1 for the plain ones
int64_t bytes_per_block(GgufType type);

struct GgufTensor {
  std::string name;
  GgufType type = GgufType::f32;
  Shape shape;                    // slowest first, as in PyTorch: the file has it the other way round
  uint64_t offset = 0, size = 0;  // bytes, from the start of the file
};

struct GgufHeader {
  std::map<std::string, GgufValue> metadata;
  std::vector<GgufTensor> tensors;  // in the order of the file
};

// `bytes` is a whole file. std::invalid_argument names `context` and what is wrong.
GgufHeader parse_gguf(std::string_view bytes, std::string_view context);

// Numbers [0, n) of a tensor's blocks as float32; n is a multiple of block_size(type). `from` need not be
// aligned.
void widen_blocks(GgufType type, const uint8_t* from, int64_t n, float* to);

// Numbers [0, n) of a row as they are stored, group by group of 32; n as above. Q8_0: n codes, two's
// complement. Q4_0: n / 2 bytes of two codes of 0..15, the even number's in the low half; they stand for
// scale * (code - 8). Q4_1 and Q4_K: the same for scale * code - minimum; Q4_1's are those of the file,
// Q4_K's are products of the file's numbers rounded to float16 (by 2^-12 of themselves at most, or 2^-25).
struct GgufCodes {
  uint8_t* codes;
  uint16_t *scales, *minima;  // float16, n / 32; minima where has_minima
};
bool has_codes(GgufType type);  // one of these
bool has_minima(GgufType type);
void copy_codes(GgufType type, const uint8_t* from, int64_t n, const GgufCodes& to);
// Whether what copy_codes would give as scales and minima are numbers, without reading codes: of Q8_0, Q4_0
// and Q4_1.
bool scales_are_finite(GgufType type, const uint8_t* from, int64_t n);

// A mapped file: nobody may shrink it meanwhile. Cheap to copy; safe from many threads.
class Gguf {
 public:
  static Gguf open(const std::string& path);

  const std::map<std::string, GgufValue>& metadata() const;
  const std::vector<GgufTensor>& tensors() const;
  const GgufTensor& info(std::string_view name) const;  // invalid_argument where there is none
  const uint8_t* blocks(std::string_view name) const;   // as stored, info(name).size bytes
  Tensor widened(std::string_view name) const;          // float32, fresh memory
  // As Safetensors::release.
  void release(std::string_view name) const;
  // F32, F16 and BF16 as they are stored, in the mapped file where their alignment allows; others widened.
  Tensor tensor(std::string_view name) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace whorl::tensor
