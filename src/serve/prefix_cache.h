#pragma once
// Pages that earlier sequences filled, found again by the tokens in them: a prompt that begins as one before
// it (the same instructions, a conversation's next turn) reads their keys and values instead of computing
// them. What a token's keys and values are depends on the adapter and on the tokens up to it alone, bit for
// bit, so pages form a tree for each adapter. The engine's thread alone touches these.
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "serve/pages.h"

namespace whorl::serve {

class PrefixCache {
  struct Page;

 public:
  // Pages from a sequence's first one on, which stay while this does. It must not outlive its cache.
  class Chain {
   public:
    Chain() = default;
    Chain(Chain&& other) noexcept;
    Chain& operator=(Chain&& other) noexcept;
    ~Chain();
    int64_t size() const { return static_cast<int64_t>(pages_.size()); }
    std::vector<int32_t> table() const;

   private:
    friend class PrefixCache;
    Chain(PrefixCache* cache, std::string adapter) : cache_(cache), adapter_(std::move(adapter)) {}
    PrefixCache* cache_ = nullptr;
    std::string adapter_;
    std::vector<Page*> pages_;
  };

  // Takes what it needs from `pages`, which lives longer. Off, it finds and keeps nothing.
  PrefixCache(PageAllocator& pages, int64_t page_size, bool on);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // Free pages, and kept ones that nobody reads: those go when others are needed, the least recently used
  // first.
  int64_t available() const { return allocator_.available() + unused(); }
  PageLease acquire(int64_t count);  // std::logic_error when there are not so many available

  // The longest chain of whole pages that begins `tokens`. `adapter` is its digest, "" for the base.
  Chain find(const std::string& adapter, std::span<const int32_t> tokens);
  // `tokens` were computed after those of `chain` into `page`, which `owner` has: the tree takes it over,
  // unless it has these tokens already. Either way the chain grows by one.
  void extend(Chain& chain, std::span<const int32_t> tokens, int32_t page, PageLease& owner);

  int64_t unused() const { return static_cast<int64_t>(unused_.size()); }
  int64_t page_size() const { return page_size_; }
  bool on() const { return on_; }

 private:
  struct Less {
    using is_transparent = void;
    bool operator()(std::span<const int32_t> a, std::span<const int32_t> b) const;
  };
  using Pages = std::map<std::vector<int32_t>, std::unique_ptr<Page>, Less>;

  Pages& after(const Chain& chain);
  void pin(Page& page);
  void unpin(const std::vector<Page*>& chain);
  void forget_oldest();

  PageAllocator& allocator_;
  int64_t page_size_;
  bool on_;
  std::map<std::string, Pages> first_;  // by adapter
  // Pages without readers, the next to go first. Whoever reads a page reads those before it, and gives the
  // last one back first: a page stands before all that it depends on.
  std::list<Page*> unused_;
};

}  // namespace whorl::serve
