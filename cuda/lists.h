#pragma once
// Lists that the host makes for kernels (pieces of adapters, positions, pages), on the device. Layer after
// layer and often step after step makes the same ones: what was sent lately is found again by its bytes and
// not sent twice. Kernels only read them.
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cuda/runtime.h"

namespace whorl::cuda {

// Of lists, which differ near their ends: what lies between is compared, once, when one is found.
size_t hash_of_ends(std::string_view bytes);

class Lists {
 public:
  explicit Lists(std::shared_ptr<Runtime> runtime) : runtime_(std::move(runtime)) {}

  // On the device, at a multiple of 256 bytes. Whoever reads it holds the result until the kernel is queued.
  // From any thread; where that has a recording, in a place of the recording's own.
  std::shared_ptr<const char> send(std::string_view bytes);

  // Device memory that is kept, and what is too long to be kept.
  static constexpr size_t kMost = 2 << 20, kLargest = 256 << 10;

 private:
  struct Entry {
    std::string bytes;
    std::shared_ptr<const char> memory;
  };
  struct HashOfEnds {
    size_t operator()(std::string_view bytes) const { return hash_of_ends(bytes); }
  };
  std::shared_ptr<const char> fresh(std::string_view bytes);
  void forget_the_oldest();

  std::shared_ptr<Runtime> runtime_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // those asked for last come first
  std::unordered_map<std::string_view, std::list<Entry>::iterator, HashOfEnds> found_;
  size_t held_ = 0;
};

// A list that is used once, on the device as long as somebody holds it.
std::shared_ptr<const char> upload(Runtime& runtime, std::string_view bytes);

template <class T>
class Uploaded {
 public:
  template <class List>
  Uploaded(Runtime& runtime, const List& list)
      : memory_(
            upload(runtime, {reinterpret_cast<const char*>(std::data(list)), std::size(list) * sizeof(T)})) {}
  const T* get() const { return reinterpret_cast<const T*>(memory_.get()); }

 private:
  std::shared_ptr<const char> memory_;
};

// Several lists as one, each from a multiple of 16 bytes on.
class Packed {
 public:
  // Where it begins.
  template <class List>
  size_t add(const List& list) {
    const size_t begin = (bytes_.size() + 15) / 16 * 16;
    bytes_.resize(begin);
    bytes_.append(reinterpret_cast<const char*>(std::data(list)), std::size(list) * sizeof(*std::data(list)));
    return begin;
  }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// A list that was sent, as kernels take it.
class Sent {
 public:
  Sent(Lists& lists, const Packed& packed) : Sent(lists, packed.bytes()) {}
  template <class List>
  static Sent of(Lists& lists, const List& list) {
    return Sent(lists,
                {reinterpret_cast<const char*>(std::data(list)), std::size(list) * sizeof(*std::data(list))});
  }
  template <class T>
  const T* at(size_t begin = 0) const {
    return reinterpret_cast<const T*>(memory_.get() + begin);
  }

 private:
  Sent(Lists& lists, std::string_view bytes) : memory_(lists.send(bytes)) {}
  std::shared_ptr<const char> memory_;
};

}  // namespace whorl::cuda
