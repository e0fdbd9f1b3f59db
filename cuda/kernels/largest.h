#pragma once
// The largest numbers of long rows, best first, equal ones by index. Every round looks for the best of those
// that come after the last one found, so nothing needs to be marked or moved.
#include "cuda/kernels/matrix.h"

namespace whorl::cuda {

struct Ranked {
  float value;
  int32_t id;
  WHORL_DEVICE bool before(const Ranked& other) const {
    return value > other.value || (value == other.value && id < other.id);
  }
};
constexpr int32_t kNoId = 0x7fffffff;
constexpr float kEndless = __builtin_inff();

// All lanes of a warp get the same.
WHORL_DEVICE Ranked best_of_warp(Grid& grid, Ranked best) {
  for (int mask = 16; mask > 0; mask /= 2) {
    const Ranked other{grid.shuffle_xor(best.value, mask), grid.shuffle_xor(best.id, mask)};
    if (other.before(best)) best = other;
  }
  return best;
}

// Numbers [part * kNumbers, ...) of a row of logits.
struct OfLogits {
  static constexpr int64_t kNumbers = 2048;
  Dense<const float> logits;
  int64_t vocabulary = 0;
  WHORL_DEVICE int64_t begin(int part) const { return part * kNumbers; }
  WHORL_DEVICE int64_t end(int part) const {
    return (part + 1) * kNumbers < vocabulary ? (part + 1) * kNumbers : vocabulary;
  }
  WHORL_DEVICE Ranked at(int row, int64_t i) const { return {logits.row(row)[i], static_cast<int32_t>(i)}; }
};

// What was found in all parts of a row, [rows, parts, 2, count].
struct OfParts {
  Global<const int32_t> found;
  int64_t parts = 0, count = 0;
  WHORL_DEVICE int64_t begin(int) const { return 0; }
  WHORL_DEVICE int64_t end(int) const { return parts * count; }
  WHORL_DEVICE Ranked at(int row, int64_t i) const {
    const int64_t base = (row * parts + i / count) * 2 * count + i % count;
    return {bits_to_float(static_cast<uint32_t>(found[base + count])), found[base]};
  }
};

// block() is the row, block_y() the part. out [rows, parts, 2, count]: indices, then the bits of numbers; NaN
// for the first where a number is NaN or +infinity. Where there are fewer than count, kNoId and -infinity.
template <class Source>
struct Largest {
  static constexpr int kThreads = 256, kWarps = kThreads / 32;
  static constexpr int64_t kShared = 2 * shared_size(2 * kWarps * 4) + shared_size(kWarps * 4);
  Source source;
  Global<int32_t> out;
  int64_t out_step = 0;  // from row to row
  int64_t count = 0;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const auto values = grid.shared<float>(2 * kWarps);
    const auto ids = grid.shared<int32_t>(2 * kWarps);
    const auto flags = grid.shared<float>(kWarps);
    const int row = grid.block(), part = grid.block_y();
    const Global<int32_t> to = out + (row * out_step + part * 2 * count);
    const bool broken = block_max<kWarps>(grid, any_broken(grid, row, part) ? 1.0f : 0.0f, flags) > 0;
    Ranked last{kEndless, -1};
    for (int64_t c = 0; c < count; ++c) {
      last = best_after(grid, row, part, last);
      const int turn = static_cast<int>(c % 2) * kWarps;  // who is slow still reads the other half
      if (grid.lane() == 0) values[turn + grid.warp()] = last.value, ids[turn + grid.warp()] = last.id;
      grid.sync();
      for (int w = 0; w < kWarps; ++w) {
        const Ranked other{values[turn + w], ids[turn + w]};
        if (other.before(last)) last = other;
      }
      if (grid.thread() > 0) continue;
      to[c] = last.id;
      to[count + c] =
          static_cast<int32_t>(float_to_bits(c == 0 && broken ? kEndless - kEndless : last.value));
    }
  }

 private:
  WHORL_DEVICE bool any_broken(Grid& grid, int row, int part) const {
    bool broken = false;
    for (int64_t i = source.begin(part) + grid.thread(); i < source.end(part); i += kThreads)
      broken = broken || !(source.at(row, i).value < kEndless);
    return broken;
  }

  WHORL_DEVICE Ranked best_after(Grid& grid, int row, int part, const Ranked& last) const {
    Ranked best{-kEndless, kNoId};
    for (int64_t i = source.begin(part) + grid.thread(); i < source.end(part); i += kThreads) {
      const Ranked x = source.at(row, i);
      if (last.before(x) && x.before(best)) best = x;
    }
    return best_of_warp(grid, best);
  }
};

}  // namespace whorl::cuda
