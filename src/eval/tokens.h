#pragma once
// Numbers in place of words and n-grams: comparing and counting them is then cheap. One table serves one row;
// its memory is used again by the next.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace whorl::eval {

// Keys to 0, 1, 2 … in the order in which they first come. Open addressing; clear() keeps the memory.
class IdTable {
 public:
  void clear();
  // The id of `key`, a new one if need be.
  uint32_t add(uint64_t key);
  // The id of `key`, or kNone.
  uint32_t find(uint64_t key) const;
  uint32_t size() const { return size_; }
  static constexpr uint32_t kNone = UINT32_MAX;

 private:
  struct Slot {
    uint64_t key = 0;
    uint32_t id = 0, stamp = 0;
  };
  size_t slot_of(uint64_t key) const;
  void grow();
  std::vector<Slot> slots_ = std::vector<Slot>(64);
  uint32_t size_ = 0, stamp_ = 1;  // a slot is taken when it carries the table's stamp
};

// Words to ids. The texts must outlive the table's use.
class WordTable {
 public:
  void clear();
  uint32_t add(std::string_view word);
  std::vector<uint32_t> add(const std::vector<std::string_view>& words);

 private:
  std::vector<std::string_view> words_;
  std::vector<uint32_t> next_;  // of the same hash
  IdTable by_hash_;
  std::vector<uint32_t> first_;  // per hash
};

// Every n-gram of 1 … max_order items is an id: that of its first n-1 items and its last item make the key.
class NgramTable {
 public:
  void clear() { ids_.clear(); }
  // visit(n-gram id, order) for each n-gram. With `grow` false, n-grams that the table does not hold are
  // visited as IdTable::kNone.
  template <class Item, class Visit>
  void each(const Item* items, size_t count, int max_order, bool grow, Visit&& visit) {
    prefix_.assign(count, kRoot);
    for (int order = 1; order <= max_order; ++order) {
      for (size_t i = 0; i + static_cast<size_t>(order) <= count; ++i) {
        uint32_t id = IdTable::kNone;
        if (prefix_[i] != IdTable::kNone) {
          const uint64_t item = static_cast<uint32_t>(items[i + static_cast<size_t>(order) - 1]);
          const uint64_t key = (uint64_t{prefix_[i]} << 32 | item) + 1;
          id = grow ? ids_.add(key) : ids_.find(key);
        }
        prefix_[i] = id;
        visit(id, order);
      }
    }
  }
  uint32_t size() const { return ids_.size(); }

 private:
  static constexpr uint32_t kRoot = IdTable::kNone - 1;
  IdTable ids_;
  std::vector<uint32_t> prefix_;
};

}  // namespace whorl::eval
