#include "cuda/lists.h"

#include <algorithm>

namespace whorl::cuda {

namespace {
// What a list takes of a pool: no allocation is smaller.
size_t size_in_pool(size_t bytes) { return (bytes + 511) / 512 * 512; }
}  // namespace

size_t Lists::HashOfEnds::operator()(std::string_view bytes) const {
  const size_t end = std::min<size_t>(bytes.size(), 128);
  const std::hash<std::string_view> hash;
  return hash(bytes.substr(0, end)) + 31 * hash(bytes.substr(bytes.size() - end)) + bytes.size();
}

std::shared_ptr<const Scratch> Lists::fresh(std::string_view bytes) {
  auto memory = std::make_shared<const Scratch>(*runtime_, bytes.size());
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > 0) runtime_->to_device(memory->get<void>(), size, bytes.data(), {1, size, size});
  return memory;
}

// Its memory stays until those who hold it have queued what reads it.
void Lists::forget_the_oldest() {
  held_ -= size_in_pool(entries_.back().bytes.size());
  found_.erase(entries_.back().bytes);
  entries_.pop_back();
}

std::shared_ptr<const Scratch> Lists::send(std::string_view bytes) {
  if (bytes.size() > kLargest) return fresh(bytes);
  const std::lock_guard lock(mutex_);
  const auto known = found_.find(bytes);
  if (known != found_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
    return known->second->memory;
  }
  const size_t size = size_in_pool(bytes.size());
  while (held_ + size > kMost) forget_the_oldest();
  entries_.push_front({std::string(bytes), fresh(bytes)});
  held_ += size;
  found_.emplace(entries_.front().bytes, entries_.begin());
  return entries_.front().memory;
}

}  // namespace whorl::cuda
