#include "cuda/workspace.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "cuda/lists.h"
#include "ops/device.h"

namespace whorl::cuda {

namespace {
constexpr size_t kPlace = 256;  // places begin at its multiples
size_t rounded(size_t bytes) { return (std::max<size_t>(bytes, 1) + kPlace - 1) / kPlace * kPlace; }
}  // namespace

void Grown::drop() {
  if (memory_) runtime_->release(memory_);
  memory_ = nullptr, size_ = 0;
}

bool Grown::grow(size_t bytes) {
  if (bytes <= size_) return false;
  drop();  // first the old memory goes
  try {
    memory_ = static_cast<char*>(runtime_->allocate(bytes));
    size_ = bytes;
  } catch (const ops::DeviceMemoryError&) {
  }
  return true;
}

// A quarter more than was wanted: what grows with the context finds room for long.
bool Arena::begin() {
  used_.clear();
  if (wanted_ > memory_.size()) memory_.grow(rounded(wanted_ + wanted_ / 4));
  return memory_.size() >= wanted_;
}

size_t Arena::take(size_t bytes) {
  const size_t size = rounded(bytes);
  size_t begin = 0;
  auto next = used_.begin();
  for (; next != used_.end() && begin + size > next->begin; ++next) begin = next->begin + next->size;
  used_.insert(next, {begin, size});
  wanted_ = std::max(wanted_, begin + size);
  return begin;
}

bool ListPlaces::begin() {
  places_.clear();
  next_ = placed_ = 0;
  if (memory_.grow(wanted_)) there_.clear();
  return memory_.size() >= wanted_;
}

// A place has room for a list that grows a little, as pages do: those behind it stay where they are.
const char* ListPlaces::put(std::string_view bytes, bool once) {
  const size_t hash = hash_of_ends(bytes);
  const auto [first, last] = once ? std::pair(places_.end(), places_.end()) : places_.equal_range(hash);
  for (auto known = first; known != last; ++known)
    if (std::string_view(wished_).substr(known->second.begin, known->second.size) == bytes)
      return known->second.place;
  const size_t begin = next_;
  next_ += std::bit_ceil(rounded(bytes.size()));
  wanted_ = std::max(wanted_, next_);
  if (wished_.size() < next_) wished_.resize(next_);
  bytes.copy(wished_.data() + begin, bytes.size());
  const char* const place = memory_.at(begin, next_ - begin);
  if (place) placed_ = next_;
  if (!once) places_.emplace(hash, Place{begin, bytes.size(), place});
  return place;
}

namespace {
// How many of the first `size` bytes are the same in both; in pieces, as a list is mostly what it was.
size_t same_from_front(const std::string& a, const std::string& b, size_t size) {
  constexpr size_t kPiece = 256;
  size_t at = 0;
  while (at + kPiece <= size && std::memcmp(&a[at], &b[at], kPiece) == 0) at += kPiece;
  while (at < size && a[at] == b[at]) ++at;
  return at;
}
// From where on all up to `size` are, at least `begin`.
size_t same_from_behind(const std::string& a, const std::string& b, size_t begin, size_t size) {
  constexpr size_t kPiece = 256;
  while (size >= begin + kPiece && std::memcmp(&a[size - kPiece], &b[size - kPiece], kPiece) == 0)
    size -= kPiece;
  while (size > begin && a[size - 1] == b[size - 1]) --size;
  return size;
}
}  // namespace

void ListPlaces::send() {
  const size_t known = std::min(there_.size(), placed_);
  const size_t begin = same_from_front(there_, wished_, known);
  const size_t end = placed_ > known ? placed_ : same_from_behind(there_, wished_, begin, placed_);
  for (size_t at = begin; at < end;) {  // a longer copy would wait
    const size_t piece = std::min(end - at, Runtime::kStaged);
    const auto size = static_cast<int64_t>(piece);
    runtime_->to_device(memory_.at(at, piece), size, wished_.data() + at, {1, size, size});
    at += piece;
  }
  there_.resize(std::max(there_.size(), placed_));
  wished_.copy(there_.data() + begin, end - begin, begin);
}

}  // namespace whorl::cuda
