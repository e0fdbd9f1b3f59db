#include "tensor/tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace whorl {

size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::bfloat16:
    case DType::float16:
      return 2;
    case DType::int64:
      return 8;
    case DType::uint8:
      return 1;
  }
  return 0;
}

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::bfloat16:
      return "bfloat16";
    case DType::float16:
      return "float16";
    case DType::int32:
      return "int32";
    case DType::int64:
      return "int64";
    case DType::uint8:
      return "uint8";
  }
  return "unknown";
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

namespace {
// Number of elements, refused when it or its size in bytes would not fit 62 bits.
int64_t checked_numel(const Shape& shape, size_t width) {
  int64_t n = 1;
  for (int64_t d : shape) {
    base::check_argument(d >= 0, "[Tensor] expected dimensions >= 0, got ", to_string(shape));
    base::check_argument(!__builtin_mul_overflow(n, d, &n), "[Tensor] shape ", to_string(shape),
                         " overflows");
  }
  int64_t bytes;
  base::check_argument(
      !__builtin_mul_overflow(n, static_cast<int64_t>(width), &bytes) && bytes < (int64_t{1} << 62),
      "[Tensor] shape ", to_string(shape), " overflows");
  return n;
}

int64_t trailing(const Shape& shape) {
  int64_t n = 1;
  for (size_t i = 1; i < shape.size(); ++i) n *= shape[i];
  return n;
}

// From here on a tensor has pages of its own. Freed on the heap it would leave a hole there, which stays with
// the process: glibc's own bound for this rises to 32 MB once such a block has been freed.
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
constexpr size_t kOwnPages = SIZE_MAX;  // the heap's guards around every block are wanted
#else
constexpr size_t kOwnPages = 128 << 10;
#endif

std::shared_ptr<void> zeroed(size_t bytes) {
  if (bytes < kOwnPages) {
    void* memory = std::aligned_alloc(64, bytes);
    if (memory) std::memset(memory, 0, bytes);
    return {memory, std::free};
  }
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return {memory, [bytes](void* m) { ::munmap(m, bytes); }};
}
}  // namespace

Tensor Tensor::zeros(DType dtype, Shape shape) {
  const size_t bytes = static_cast<size_t>(checked_numel(shape, size_of(dtype))) * size_of(dtype);
  auto memory = zeroed((bytes + 127) / 64 * 64);  // kernels may read to the end of the last 64 bytes
  if (!memory) base::failed("[Tensor] no memory for ", bytes, " bytes");
  void* data = memory.get();
  return view(dtype, std::move(shape), data, std::move(memory));
}

Tensor Tensor::view(DType dtype, Shape shape, void* data, std::shared_ptr<const void> owner) {
  checked_numel(shape, size_of(dtype));
  Tensor t;
  t.dtype_ = dtype;
  t.row_stride_ = trailing(shape);
  t.shape_ = std::move(shape);
  t.data_ = data;
  t.owner_ = std::move(owner);
  return t;
}

int64_t Tensor::numel() const {
  if (!data_) return 0;
  int64_t n = 1;
  for (int64_t d : shape_) n *= d;
  return n;
}

bool Tensor::contiguous() const { return row_stride_ == trailing(shape_); }

Tensor Tensor::rows(int64_t begin, int64_t end) const {
  // Words for a fault alone: steps take thousands of such slices a second.
  const bool inside = !shape_.empty() && begin >= 0 && begin <= end && end <= shape_[0];
  if (!inside)
    base::check_argument(false, "[Tensor.rows] expected 0 <= ", begin, " <= ", end, " <= first dimension of ",
                         to_string(shape_));
  Tensor t = *this;
  t.shape_[0] = end - begin;
  t.data_ = static_cast<char*>(data_) + static_cast<size_t>(begin * row_stride_) * size_of(dtype_);
  return t;
}

Tensor Tensor::columns(int64_t begin, int64_t end) const {
  const bool inside = shape_.size() == 2 && begin >= 0 && begin <= end && end <= shape_[1];
  if (!inside)
    base::check_argument(false, "[Tensor.columns] expected a matrix with at least ", end, " columns, got ",
                         to_string(shape_));
  Tensor t = *this;
  t.shape_[1] = end - begin;
  t.data_ = static_cast<char*>(data_) + static_cast<size_t>(begin) * size_of(dtype_);
  return t;
}

Tensor Tensor::reshape(Shape shape) const {
  base::check_argument(contiguous(), "[Tensor.reshape] expected a contiguous tensor, got a column slice");
  base::check_argument(checked_numel(shape, size_of(dtype_)) == numel(), "[Tensor.reshape] expected ",
                       numel(), " elements, got ", to_string(shape));
  return view(dtype_, std::move(shape), data_, owner_);
}

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 31u, mantissa = bits & 0x3ffu;
  float value;
  if (exponent == 0) {
    value = static_cast<float>(mantissa) * 0x1.0p-24f;
    return sign ? -value : value;
  }
  const uint32_t wide = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | (mantissa << 13);
  std::memcpy(&value, &wide, 4);
  return value;
}

uint16_t float_to_half(float x) {
  const float size = std::min(std::abs(x), 65504.0f);
  const uint32_t sign = std::signbit(x) ? 0x8000u : 0u;
  uint32_t bits;
  if (size < 0x1p-14f) {
    const float rounded = size + 0.5f;  // whose last bit is worth 2^-24, as that of the smallest halves
    std::memcpy(&bits, &rounded, sizeof bits);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  std::memcpy(&bits, &size, sizeof bits);
  bits += 0xfffu + (bits >> 13 & 1u);  // half of the last place, or a little less where that bit is even
  return static_cast<uint16_t>(sign | ((bits >> 13) - (112u << 10)));
}

}  // namespace whorl
