#pragma once
// Device memory of one recording at a time: what ops borrow, and lists of the host. The same requests in the
// same order get the same places, so that calls written down twice are the same calls.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cuda/runtime.h"

namespace whorl::cuda {

// Memory that grows between two recordings, never while one may point into it. Work is done in the queue's
// order: what was queued with the old memory is done before it is anybody else's.
class Grown {
 public:
  explicit Grown(std::shared_ptr<Runtime> runtime) : runtime_(std::move(runtime)) {}
  ~Grown() { drop(); }
  Grown(const Grown&) = delete;
  Grown& operator=(const Grown&) = delete;

  // Whether it is another memory now. Where the device has too little it has none: who asks finds no room.
  bool grow(size_t bytes);
  char* at(size_t begin, size_t bytes) const { return begin + bytes <= size_ ? memory_ + begin : nullptr; }
  size_t size() const { return size_; }
  void drop();

 private:
  std::shared_ptr<Runtime> runtime_;
  char* memory_ = nullptr;
  size_t size_ = 0;
};

// Pieces that are taken and given back; each is put into the first gap that is large enough.
class Arena {
 public:
  explicit Arena(std::shared_ptr<Runtime> runtime) : memory_(std::move(runtime)) {}
  // Nothing is taken, and there is room for what was wanted so far; false where the device has none.
  bool begin();
  void drop() { memory_.drop(); }
  size_t take(size_t bytes);
  void give_back(size_t begin) { used_.erase(piece(begin)); }
  // Where that is; null where there was no room, then the piece is only counted.
  char* at(size_t begin) const { return memory_.at(begin, piece(begin)->size); }

 private:
  Grown memory_;
  size_t wanted_ = 0;
  struct Piece {
    size_t begin, size;
  };
  std::vector<Piece>::const_iterator piece(size_t begin) const {
    return std::find_if(used_.begin(), used_.end(), [begin](const Piece& p) { return p.begin == begin; });
  }
  std::vector<Piece> used_;  // by where they begin; a handful
};

// Lists in the order in which they are first asked for, all sent in one copy before the work that reads them.
class ListPlaces {
 public:
  explicit ListPlaces(std::shared_ptr<Runtime> runtime) : runtime_(runtime), memory_(std::move(runtime)) {}
  bool begin();  // as Arena's
  void drop() { memory_.drop(); }
  // Where these bytes will be on the device; null where there was no room. `once`: nobody asks for them
  // again, and who asks for the same bytes means something else.
  const char* put(std::string_view bytes, bool once);
  // What differs from what is there.
  void send();

 private:
  std::shared_ptr<Runtime> runtime_;
  Grown memory_;
  size_t next_ = 0, placed_ = 0, wanted_ = 0;  // the end of all lists, of those with room, the most so far
  std::string wished_, there_;  // the lists of this time, with room or without; what is on the device
  struct Place {
    size_t begin, size;  // in wished_
    const char* place;
  };
  std::unordered_multimap<size_t, Place> places_;  // of this time, by their hashes
};

struct Workspace {
  explicit Workspace(const std::shared_ptr<Runtime>& runtime) : arena(runtime), lists(runtime) {}
  // False where the device has too little memory: then it takes none from those who cannot do without.
  bool begin() {
    if (arena.begin() && lists.begin()) return true;
    arena.drop(), lists.drop();
    return false;
  }
  Arena arena;
  ListPlaces lists;
};

}  // namespace whorl::cuda
