#pragma once
// Working memory that tasks borrow and give back, so that an op allocates only when it grows.
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "cpu/memory.h"

namespace whorl::cpu {

class ScratchPool {
 public:
  class Lease {
   public:
    Lease(ScratchPool& pool, size_t floats) : pool_(pool), buffer_(pool.take(floats)) {}
    ~Lease() { pool_.give_back(std::move(buffer_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    float* get() const { return static_cast<float*>(buffer_.memory.get()); }

   private:
    friend class ScratchPool;
    ScratchPool& pool_;
    struct Buffer {
      std::shared_ptr<void> memory;
      size_t floats = 0;
    } buffer_;
  };

  // What exists, lent or not.
  size_t bytes() const {
    std::lock_guard lock(mutex_);
    return floats_ * sizeof(float);
  }

  // Lets go of what is not lent.
  void clear() {
    std::lock_guard lock(mutex_);
    for (const Lease::Buffer& buffer : free_) floats_ -= buffer.floats;
    free_.clear();
  }

 private:
  Lease::Buffer take(size_t floats) {
    Lease::Buffer best;
    {
      std::lock_guard lock(mutex_);
      // The smallest that fits, so that a large one stays for who needs it.
      size_t found = free_.size();
      for (size_t i = 0; i < free_.size(); ++i)
        if (free_[i].floats >= floats && (found == free_.size() || free_[i].floats < free_[found].floats))
          found = i;
      if (found < free_.size()) {
        std::swap(best, free_[found]);
        std::swap(free_[found], free_.back());
        free_.pop_back();
        return best;
      }
      if (free_.size() >= kKept) {
        floats_ -= free_.front().floats;
        free_.erase(free_.begin());
      }
      floats_ += floats;
    }
    best.memory = allocate_zeroed(floats * sizeof(float) + 64);
    best.floats = floats;
    return best;
  }

  void give_back(Lease::Buffer buffer) {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(buffer));
  }

  static constexpr size_t kKept = 64;
  mutable std::mutex mutex_;
  std::vector<Lease::Buffer> free_;
  size_t floats_ = 0;
};

}  // namespace whorl::cpu
