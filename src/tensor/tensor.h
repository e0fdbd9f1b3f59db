#pragma once
// A tensor in memory: a typed, shaped view of storage that somebody allocated. Copying a Tensor copies
// the view, not the numbers. It does no arithmetic (that is src/ops) and knows no files (tensor/*.h do).
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

enum class DType : uint8_t { float32, bfloat16, float16, int32, int64, uint8 };

size_t size_of(DType dtype);       // bytes per element
const char* name_of(DType dtype);  // "float32", "bfloat16", …

using Shape = std::vector<int64_t>;
std::string to_string(const Shape& shape);  // "[2, 3]"

class Tensor {
 public:
  Tensor() = default;

  // Host memory, 64-byte aligned, zeroed. A size that overflows is an invalid_argument.
  static Tensor zeros(DType dtype, Shape shape);
  // A view of memory owned by `owner` (which may be null if the caller outlives the tensor).
  static Tensor view(DType dtype, Shape shape, void* data, std::shared_ptr<const void> owner);

  bool empty() const { return data_ == nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t dim(size_t i) const { return shape_.at(i); }
  int64_t numel() const;
  size_t nbytes() const { return static_cast<size_t>(numel()) * size_of(dtype_); }

  // Elements between the starts of two rows; equals the product of the trailing dims unless this is
  // a column slice. Everything but `columns()` yields contiguous tensors.
  int64_t row_stride() const { return row_stride_; }
  bool contiguous() const;

  void* raw() const { return data_; }
  template <class T>
  T* data() const {
    return static_cast<T*>(data_);
  }

  Tensor rows(int64_t begin, int64_t end) const;     // shape[0] becomes end - begin
  Tensor columns(int64_t begin, int64_t end) const;  // 2-D only; keeps the row stride
  Tensor reshape(Shape shape) const;                 // contiguous only; same number of elements

 private:
  DType dtype_ = DType::float32;
  Shape shape_;
  int64_t row_stride_ = 0;
  void* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

inline float bf16_to_float(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  __builtin_memcpy(&value, &wide, 4);
  return value;
}

// Round to nearest even; NaN stays NaN.
inline uint16_t float_to_bf16(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float half_to_float(uint16_t bits);
uint16_t float_to_half(float x);  // to the nearest, ties to even; what is too large becomes the largest

}  // namespace whorl
