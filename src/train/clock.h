#pragma once
// Time spent, lately and in all.
#include <chrono>
#include <cstdint>
#include <deque>

namespace whorl::train {

class Clock {
 public:
  void start(double seconds_before) {
    before_ = seconds_before;
    start_ = now();
    recent_.assign(1, {start_, 0});
  }
  void add(int64_t tokens) {
    total_ += tokens;
    recent_.push_back({now(), total_});
    if (recent_.size() > kRecent) recent_.pop_front();
  }
  double seconds() const { return before_ + (now() - start_); }
  double tokens_per_second() const {
    return span() > 0 ? static_cast<double>(recent_.back().tokens - recent_.front().tokens) / span() : 0;
  }
  double seconds_left(int64_t steps) const {
    return recent_.size() < 2 ? 0
                              : span() / static_cast<double>(recent_.size() - 1) * static_cast<double>(steps);
  }

 private:
  struct Mark {
    double at;
    int64_t tokens;
  };
  static constexpr size_t kRecent = 21;
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  double span() const { return recent_.empty() ? 0 : recent_.back().at - recent_.front().at; }

  double before_ = 0, start_ = now();
  int64_t total_ = 0;
  std::deque<Mark> recent_;
};

}  // namespace whorl::train
