#include "serve/pages.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace whorl::serve {

PageLease::PageLease(PageLease&& other) noexcept
    : from_(std::exchange(other.from_, nullptr)), pages_(std::move(other.pages_)) {}

PageLease& PageLease::operator=(PageLease&& other) noexcept {
  std::swap(from_, other.from_);
  std::swap(pages_, other.pages_);
  return *this;
}

PageLease::~PageLease() {
  if (!from_) return;
  // Within the capacity reserved at the start, so this cannot throw.
  for (auto page = pages_.rbegin(); page != pages_.rend(); ++page) from_->free_.push_back(*page);
}

PageLease PageLease::take(int32_t page) {
  const auto found = std::find(pages_.begin(), pages_.end(), page);
  if (found == pages_.end()) throw std::logic_error("[PageLease.take] not a page of this lease");
  pages_.erase(found);
  return PageLease(from_, {page});
}

PageAllocator::PageAllocator(int64_t total) : total_(total) {
  free_.reserve(static_cast<size_t>(total));
  for (int64_t page = total; page-- > 0;) free_.push_back(static_cast<int32_t>(page));
}

PageLease PageAllocator::acquire(int64_t count) {
  if (count < 0 || count > available()) throw std::logic_error("[PageAllocator.acquire] not enough pages");
  std::vector<int32_t> pages(free_.rbegin(), free_.rbegin() + count);
  free_.resize(free_.size() - static_cast<size_t>(count));
  return PageLease(this, std::move(pages));
}

}  // namespace whorl::serve
