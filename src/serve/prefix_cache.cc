#include "serve/prefix_cache.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace whorl::serve {

struct PrefixCache::Page {
  PageLease lease;  // of the one page
  Page* before = nullptr;
  std::string adapter;  // of a first page
  Pages after = {};
  Pages::iterator place = {};  // among its siblings
  int64_t readers = 0;
  std::list<Page*>::iterator turn = {};  // in unused_, while it has no readers
};

PrefixCache::Chain::Chain(Chain&& other) noexcept
    : cache_(std::exchange(other.cache_, nullptr)),
      adapter_(std::move(other.adapter_)),
      pages_(std::exchange(other.pages_, {})) {}

PrefixCache::Chain& PrefixCache::Chain::operator=(Chain&& other) noexcept {
  std::swap(cache_, other.cache_);
  std::swap(adapter_, other.adapter_);
  std::swap(pages_, other.pages_);
  return *this;
}

PrefixCache::Chain::~Chain() {
  if (cache_) cache_->unpin(pages_);
}

std::vector<int32_t> PrefixCache::Chain::table() const {
  std::vector<int32_t> out;
  for (const Page* page : pages_) out.push_back(page->lease.pages().front());
  return out;
}

PrefixCache::PrefixCache(PageAllocator& pages, int64_t page_size, bool on)
    : allocator_(pages), page_size_(page_size), on_(on) {}

PrefixCache::~PrefixCache() {
  while (!unused_.empty()) forget_oldest();
}

bool PrefixCache::Less::operator()(std::span<const int32_t> a, std::span<const int32_t> b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

PrefixCache::Pages& PrefixCache::after(const Chain& chain) {
  return chain.pages_.empty() ? first_[chain.adapter_] : chain.pages_.back()->after;
}

void PrefixCache::pin(Page& page) {
  if (page.readers++ == 0) unused_.erase(page.turn);
}

void PrefixCache::unpin(const std::vector<Page*>& chain) {
  for (auto page = chain.rbegin(); page != chain.rend(); ++page)
    if (--(*page)->readers == 0) (*page)->turn = unused_.insert(unused_.end(), *page);
}

void PrefixCache::forget_oldest() {
  Page& page = *unused_.front();
  unused_.pop_front();
  if (page.before) {
    page.before->after.erase(page.place);
    return;
  }
  const auto first = first_.find(page.adapter);
  first->second.erase(page.place);
  if (first->second.empty()) first_.erase(first);
}

PageLease PrefixCache::acquire(int64_t count) {
  if (count > available()) throw std::logic_error("[PrefixCache.acquire] not enough pages");
  while (allocator_.available() < count) forget_oldest();
  return allocator_.acquire(count);
}

PrefixCache::Chain PrefixCache::find(const std::string& adapter, std::span<const int32_t> tokens) {
  Chain chain(this, adapter);
  const auto first = first_.find(adapter);
  if (first == first_.end()) return chain;
  const Pages* next = &first->second;
  const auto size = static_cast<size_t>(page_size_);
  for (size_t at = 0; at + size <= tokens.size(); at += size) {
    const auto found = next->find(tokens.subspan(at, size));
    if (found == next->end()) break;
    pin(*found->second);
    chain.pages_.push_back(found->second.get());
    next = &found->second->after;
  }
  return chain;
}

void PrefixCache::extend(Chain& chain, std::span<const int32_t> tokens, int32_t page, PageLease& owner) {
  Pages& siblings = after(chain);
  auto found = siblings.find(tokens);
  if (found != siblings.end()) {
    pin(*found->second);
  } else {
    auto made = std::make_unique<Page>();
    made->lease = owner.take(page);
    made->before = chain.pages_.empty() ? nullptr : chain.pages_.back();
    if (!made->before) made->adapter = chain.adapter_;
    made->readers = 1;
    found = siblings.emplace(std::vector<int32_t>(tokens.begin(), tokens.end()), std::move(made)).first;
    found->second->place = found;
  }
  chain.pages_.push_back(found->second.get());
}

}  // namespace whorl::serve
