#include "cuda/lists.h"

#include <algorithm>

#include "cuda/recording.h"

namespace whorl::cuda {

namespace {
// What a list takes of a pool: no allocation is smaller.
size_t size_in_pool(size_t bytes) { return (bytes + 511) / 512 * 512; }

void send_to(Runtime& runtime, void* memory, std::string_view bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > 0) runtime.to_device(memory, size, bytes.data(), {1, size, size});
}

// Null: without a recording, or without room in it.
const char* recorded(const Runtime& runtime, std::string_view bytes, bool once) {
  Recording* const recording = Recording::of(runtime);
  return recording ? recording->list(bytes, once) : nullptr;
}

using Place = std::shared_ptr<const char>;
Place lent(const char* place) { return {std::shared_ptr<void>(), place}; }
}  // namespace

std::shared_ptr<const char> upload(Runtime& runtime, std::string_view bytes) {
  if (const char* const place = recorded(runtime, bytes, true)) return lent(place);
  const auto memory = std::make_shared<const Scratch>(runtime, bytes.size());
  send_to(runtime, memory->get<void>(), bytes);
  return {memory, memory->get<char>()};
}

size_t hash_of_ends(std::string_view bytes) {
  const size_t end = std::min<size_t>(bytes.size(), 128);
  const std::hash<std::string_view> hash;
  return hash(bytes.substr(0, end)) + 31 * hash(bytes.substr(bytes.size() - end)) + bytes.size();
}

// Not borrowed: it is kept for longer than a recording.
std::shared_ptr<const char> Lists::fresh(std::string_view bytes) {
  void* const memory = runtime_->allocate(std::max<size_t>(bytes.size(), 1));
  const std::shared_ptr<const char> held(
      static_cast<const char*>(memory),
      [runtime = runtime_, memory](const char*) { runtime->release(memory); });
  send_to(*runtime_, memory, bytes);
  return held;
}

// Its memory stays until those who hold it have queued what reads it.
void Lists::forget_the_oldest() {
  held_ -= size_in_pool(entries_.back().bytes.size());
  found_.erase(entries_.back().bytes);
  entries_.pop_back();
}

std::shared_ptr<const char> Lists::send(std::string_view bytes) {
  if (const char* const place = recorded(*runtime_, bytes, false)) return lent(place);
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
