#pragma once
// A part of [0, 2^32) that its owner walks from the front while others take from its end.
#include <atomic>
#include <cstdint>

namespace whorl::base {

struct Stretch {
  int64_t begin = 0, end = 0;
  bool empty() const { return begin >= end; }
};

// Begin and end of what is left are one word, so that both sides take by one instruction. On a line of its
// own: owners write it often. Any thread.
class alignas(64) Stretches {
 public:
  // Before the threads that take begin.
  void reset(int64_t begin, int64_t end) { left_.store(word(begin, end), std::memory_order_relaxed); }
  // Half of what is left, or all of less than twice `least`; empty where nothing is.
  Stretch take_front(int64_t least) { return take(least, true); }
  Stretch take_back(int64_t least) { return take(least, false); }

 private:
  static uint64_t word(int64_t begin, int64_t end) {
    return static_cast<uint64_t>(begin) << 32 | static_cast<uint64_t>(end);
  }
  Stretch take(int64_t least, bool front) {
    uint64_t seen = left_.load(std::memory_order_relaxed);
    for (;;) {
      const auto begin = static_cast<int64_t>(seen >> 32), end = static_cast<int64_t>(seen & 0xffffffffu);
      if (begin >= end) return {};
      const int64_t left = end - begin, n = left < 2 * least ? left : left / 2;
      const uint64_t rest = front ? word(begin + n, end) : word(begin, end - n);
      if (left_.compare_exchange_weak(seen, rest, std::memory_order_relaxed))
        return front ? Stretch{begin, begin + n} : Stretch{end - n, end};
    }
  }
  std::atomic<uint64_t> left_{0};
};

}  // namespace whorl::base
