#include "eval/tokens.h"

#include <functional>

#include "base/random.h"

namespace whorl::eval {

void IdTable::clear() {
  size_ = 0;
  if (++stamp_ == 0) {  // stamps have gone round: old ones must not look new
    for (auto& slot : slots_) slot.stamp = 0;
    stamp_ = 1;
  }
}

size_t IdTable::slot_of(uint64_t key) const {
  const size_t mask = slots_.size() - 1;
  size_t at = base::mix64(key) & mask;
  while (slots_[at].stamp == stamp_ && slots_[at].key != key) at = (at + 1) & mask;
  return at;
}

uint32_t IdTable::find(uint64_t key) const {
  const Slot& slot = slots_[slot_of(key)];
  return slot.stamp == stamp_ ? slot.id : kNone;
}

uint32_t IdTable::add(uint64_t key) {
  if (2 * (size_ + size_t{1}) > slots_.size()) grow();
  Slot& slot = slots_[slot_of(key)];
  if (slot.stamp != stamp_) slot = {key, size_++, stamp_};
  return slot.id;
}

void IdTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.stamp == stamp_) slots_[slot_of(slot.key)] = slot;
}

void WordTable::clear() {
  words_.clear();
  next_.clear();
  first_.clear();
  by_hash_.clear();
}

uint32_t WordTable::add(std::string_view word) {
  const uint32_t bucket = by_hash_.add(std::hash<std::string_view>()(word));
  if (bucket == first_.size()) first_.push_back(IdTable::kNone);
  for (uint32_t id = first_[bucket]; id != IdTable::kNone; id = next_[id])
    if (words_[id] == word) return id;
  const auto id = static_cast<uint32_t>(words_.size());
  words_.push_back(word);
  next_.push_back(first_[bucket]);
  first_[bucket] = id;
  return id;
}

std::vector<uint32_t> WordTable::add(const std::vector<std::string_view>& words) {
  std::vector<uint32_t> out;
  out.reserve(words.size());
  for (const auto word : words) out.push_back(add(word));
  return out;
}

}  // namespace whorl::eval
