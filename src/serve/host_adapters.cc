#include "serve/host_adapters.h"

#include <algorithm>

namespace whorl::serve {

Adapter HostAdapters::get(const std::string& digest, const std::function<Adapter()>& load) {
  const auto is_it = [&](const Entry& entry) { return entry.digest == digest; };
  {
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(), is_it);
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
      return found->adapter;
    }
  }
  Adapter adapter = load();
  std::lock_guard lock(mutex_);
  if (std::none_of(entries_.begin(), entries_.end(), is_it)) keep(digest, adapter);
  return adapter;
}

void HostAdapters::keep(const std::string& digest, const Adapter& adapter) {
  const size_t needed = adapter.memory_bytes();
  if (needed > budget_) return;
  while (bytes_ + needed > budget_) {
    bytes_ -= entries_.back().adapter.memory_bytes();
    entries_.pop_back();
  }
  entries_.push_front({digest, adapter});
  bytes_ += needed;
}

int64_t HostAdapters::size() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(entries_.size());
}

size_t HostAdapters::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace whorl::serve
