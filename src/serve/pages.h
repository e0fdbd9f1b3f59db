#pragma once
// Pages of the paged cache: who has which. The engine's thread alone touches these.
#include <cstdint>
#include <memory>
#include <vector>

namespace whorl::serve {

class PageAllocator;

// Some pages, given back when this goes. It must not outlive its allocator.
class PageLease {
 public:
  PageLease() = default;
  PageLease(PageLease&& other) noexcept;
  PageLease& operator=(PageLease&& other) noexcept;
  ~PageLease();

  const std::vector<int32_t>& pages() const { return pages_; }
  PageLease take(
      int32_t page);  // one of its pages, which is no longer its own; std::logic_error if it is not

 private:
  friend class PageAllocator;
  PageLease(PageAllocator* from, std::vector<int32_t> pages) : from_(from), pages_(std::move(pages)) {}

  PageAllocator* from_ = nullptr;
  std::vector<int32_t> pages_;
};

class PageAllocator {
 public:
  explicit PageAllocator(int64_t total);
  PageAllocator(const PageAllocator&) = delete;
  PageAllocator& operator=(const PageAllocator&) = delete;

  int64_t total() const { return total_; }
  int64_t available() const { return static_cast<int64_t>(free_.size()); }
  int64_t used() const { return total_ - available(); }
  PageLease acquire(int64_t count);  // std::logic_error when there are not so many: ask available() first

 private:
  friend class PageLease;
  int64_t total_;
  std::vector<int32_t> free_;
};

inline int64_t pages_for(int64_t tokens, int64_t page_size) { return (tokens + page_size - 1) / page_size; }

}  // namespace whorl::serve
