#include "serve/adapter_cache.h"

#include <algorithm>
#include <utility>

#include "adapter/adapter_impl.h"
#include "base/check.h"

namespace whorl::serve {

AdapterCache::AdapterCache(std::shared_ptr<const model::Transformer> transformer, size_t budget)
    : transformer_(std::move(transformer)), budget_(budget) {}

std::shared_ptr<const model::DeviceAdapter> AdapterCache::prepare(const Adapter& adapter) const {
  auto packed = transformer_->prepare(adapter::adapter_impl(adapter));
  base::check_argument(packed->nbytes <= budget_,
                       "[InferenceEngine] expected an adapter of at most adapter_cache_bytes = ", budget_,
                       ", got one of ", packed->nbytes, " bytes");
  return packed;
}

std::shared_ptr<const model::DeviceAdapter> AdapterCache::get(const std::string& digest,
                                                              const std::function<Adapter()>& load) {
  std::unique_lock lock(mutex_);
  loaded_.wait(lock, [&] { return !loading_.contains(digest); });
  if (auto found = entries_.find(digest); found != entries_.end()) {
    found->second.used = ++clock_;
    return found->second.adapter;
  }
  loading_.insert(digest);
  lock.unlock();
  std::shared_ptr<const model::DeviceAdapter> adapter;
  try {
    adapter = prepare(load());
  } catch (...) {
    lock.lock();
    loading_.erase(digest);
    loaded_.notify_all();
    throw;
  }
  lock.lock();
  loading_.erase(digest);
  loaded_.notify_all();
  make_room(adapter->nbytes);
  bytes_ += adapter->nbytes;
  entries_[digest] = {adapter, ++clock_};
  return adapter;
}

// The least recently used leave first; those that running requests hold stay, even past the budget: a request
// that was accepted is never starved of its weights.
void AdapterCache::make_room(size_t needed) {
  while (bytes_ + needed > budget_) {
    auto oldest = entries_.end();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
      if (entry->second.adapter.use_count() == 1 &&
          (oldest == entries_.end() || entry->second.used < oldest->second.used))
        oldest = entry;
    if (oldest == entries_.end()) return;
    bytes_ -= oldest->second.adapter->nbytes;
    entries_.erase(oldest);
  }
}

void AdapterCache::drop(const std::string& digest) {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(digest);
  if (found == entries_.end()) return;
  bytes_ -= found->second.adapter->nbytes;
  entries_.erase(found);
}

int64_t AdapterCache::size() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(entries_.size());
}

size_t AdapterCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace whorl::serve
