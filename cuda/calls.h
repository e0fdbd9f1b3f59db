#pragma once
// What a thread asked of a device, written down: which calls, and their arguments as bytes. It can be done,
// and compared with what was asked another time.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

namespace whorl::cuda {

class Runtime;

// Bytes between members hold whatever was there: two arguments that are the same would differ in them. A
// compiler without the builtin costs graphs that are brought up to date in vain. GCC 12 clears other bytes
// where an array of structs stands before padding: arguments have a FourOf (kernels/four_of.h) there.
template <class T>
void clear_padding([[maybe_unused]] T* arguments) {
#if __has_builtin(__builtin_clear_padding)
  __builtin_clear_padding(arguments);
#endif
}

class Calls {
 public:
  using Perform = void (*)(Runtime& runtime, const void* arguments);
  // Another function for every kind of call.
  template <class T>
  void add(Perform function, const T& arguments) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment);
    const size_t begin = (size_ + kAlignment - 1) / kAlignment * kAlignment, end = begin + sizeof(T);
    if (bytes_.size() < end) bytes_.resize(std::max(end, 2 * bytes_.size()));
    std::memset(bytes_.data() + size_, 0, begin - size_);
    clear_padding(new (bytes_.data() + begin) T(arguments));
    list_.push_back({function, begin});
    size_ = end;
  }

  bool empty() const { return list_.empty(); }
  // Its memory stays: what comes again needs as much.
  void clear() { list_.clear(), size_ = 0; }
  // All of them, in their order.
  void perform(Runtime& runtime) const;
  // The same calls, whatever their arguments.
  bool alike(const Calls& other) const;
  // The same calls with the same arguments.
  bool same(const Calls& other) const {
    return list_ == other.list_ && size_ == other.size_ &&
           (size_ == 0 || std::memcmp(bytes_.data(), other.bytes_.data(), size_) == 0);
  }

 private:
  static constexpr size_t kAlignment = 16;
  struct Call {
    Perform function;
    size_t begin;
    bool operator==(const Call&) const = default;
  };
  std::vector<Call> list_;
  std::vector<std::byte> bytes_;  // the first size_ of them
  size_t size_ = 0;
};

}  // namespace whorl::cuda
