#include "cuda/workspace.h"

#include <algorithm>
#include <bit>

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
  for (const auto& [other, length] : used_) {
    if (begin + size <= other) break;
    begin = other + length;
  }
  used_.emplace(begin, size);
  wanted_ = std::max(wanted_, begin + size);
  return begin;
}

bool ListPlaces::begin() {
  places_.clear();
  next_ = placed_ = 0;
  if (memory_.grow(wanted_)) {
    wished_.resize(memory_.size());
    there_.clear();
  }
  return memory_.size() >= wanted_;
}

// A place has room for a list that grows a little, as pages do: those behind it stay where they are.
const char* ListPlaces::put(std::string_view bytes, bool once) {
  const auto known = once ? places_.end() : places_.find(std::string(bytes));
  if (known != places_.end()) return known->second;
  const size_t begin = next_;
  next_ += std::bit_ceil(rounded(bytes.size()));
  wanted_ = std::max(wanted_, next_);
  const char* const place = memory_.at(begin, next_ - begin);
  if (place) {
    bytes.copy(wished_.data() + begin, bytes.size());
    placed_ = next_;
  }
  if (!once) places_.emplace(bytes, place);
  return place;
}

void ListPlaces::send() {
  const size_t known = std::min(there_.size(), placed_);
  const auto first =
      std::mismatch(there_.begin(), there_.begin() + static_cast<std::ptrdiff_t>(known), wished_.begin());
  const auto begin = static_cast<size_t>(first.second - wished_.begin());
  size_t end = placed_;
  while (end > begin && end <= known && there_[end - 1] == wished_[end - 1]) --end;
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
