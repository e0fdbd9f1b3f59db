#pragma once
// Sizes that came from a file. Every sum and product is checked, so a hostile header can say anything it
// likes: the worst it gets is an invalid_argument.
#include <cstdint>
#include <stdexcept>

namespace whorl::base {

class CheckedSize {
 public:
  constexpr CheckedSize(uint64_t value = 0) : value_(value) {}  // NOLINT: a number is a size

  // Throws where a signed number is negative; file formats give us those as well.
  static CheckedSize from_signed(int64_t value) {
    if (value < 0) throw std::invalid_argument("size arithmetic: negative size");
    return CheckedSize(static_cast<uint64_t>(value));
  }

  constexpr uint64_t value() const { return value_; }

  friend CheckedSize operator+(CheckedSize a, CheckedSize b) {
    uint64_t out = 0;
    if (__builtin_add_overflow(a.value_, b.value_, &out)) overflow();
    return out;
  }
  friend CheckedSize operator-(CheckedSize a, CheckedSize b) {
    uint64_t out = 0;
    if (__builtin_sub_overflow(a.value_, b.value_, &out)) overflow();
    return out;
  }
  friend CheckedSize operator*(CheckedSize a, CheckedSize b) {
    uint64_t out = 0;
    if (__builtin_mul_overflow(a.value_, b.value_, &out)) overflow();
    return out;
  }
  CheckedSize& operator+=(CheckedSize other) { return *this = *this + other; }
  CheckedSize& operator*=(CheckedSize other) { return *this = *this * other; }
  friend constexpr auto operator<=>(CheckedSize, CheckedSize) = default;

 private:
  [[noreturn]] static void overflow() { throw std::invalid_argument("size arithmetic: overflow"); }

  uint64_t value_;
};

}  // namespace whorl::base
