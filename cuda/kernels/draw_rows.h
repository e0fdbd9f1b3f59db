#pragma once
// What the kernels of a draw share (ops/draw.h says what it means). Rows come in parts of 2,048 logits, a
// block each. Everything that is added is a whole number, so no order of additions matters.
#include "cuda/kernels/ranked.h"
#include "ops/draw.h"

namespace whorl::cuda {

struct DrawRow {
  double top_p, min_p, uniform;
  int64_t top_k;      // 0: not asked for
  float temperature;  // 0: the likeliest
  int32_t unused;
};

// What is changed of a row before: penalties [begin, begin + count), and where its words of what is allowed
// begin; -1: all is.
struct DrawChanges {
  double repetition, presence, frequency;
  int64_t allowed;
  int32_t penalties, count;
};

// Numbers of equal keys are equal; a larger number has a larger key, and none has 0.
WHORL_DEVICE uint32_t key_of(float logit) {
  const uint32_t bits = float_to_bits(logit + 0.0f);  // -0 is 0
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
WHORL_DEVICE float logit_of(uint32_t key) {
  return bits_to_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

struct DrawRows {
  static constexpr int64_t kPart = 2048;
  static constexpr int kThreads = 256, kWarps = kThreads / 32;
  Dense<const float> logits;
  int64_t vocabulary = 0, parts = 0;
  Global<const DrawRow> how;  // [rows]
  Global<int32_t> tops;  // [rows, parts, 3] of each part the likeliest, its logit's bits, 1 if it is broken

  WHORL_DEVICE int64_t begin(int64_t part) const { return part * kPart; }
  WHORL_DEVICE int64_t end(int64_t part) const {
    return (part + 1) * kPart < vocabulary ? (part + 1) * kPart : vocabulary;
  }
};

// Room in shared memory for what a block finds of its row's tops.
struct TopsRoom {
  static constexpr int64_t kBytes = 3 * shared_size(DrawRows::kWarps * 4);
  Shared<float> values;
  Shared<int32_t> ids;
  Shared<float> flags;
  WHORL_DEVICE explicit TopsRoom(Grid& grid)
      : values(grid.shared<float>(DrawRows::kWarps)),
        ids(grid.shared<int32_t>(DrawRows::kWarps)),
        flags(grid.shared<float>(DrawRows::kWarps)) {}
};

// A row as its tops tell it: the likeliest and what every logit weighs beside it.
struct DrawnRow {
  DrawRow how;
  Ranked best;
  bool broken = false;

  // All threads of the block get the same.
  WHORL_DEVICE DrawnRow(Grid& grid, const DrawRows& rows, int64_t row, const TopsRoom& room)
      : how(rows.how[row]), best{-kEndless, kNoId} {
    bool bad = false;
    for (int64_t p = grid.thread(); p < rows.parts; p += DrawRows::kThreads) {
      const int64_t at = (row * rows.parts + p) * 3;
      const Ranked top{bits_to_float(static_cast<uint32_t>(rows.tops[at + 1])), rows.tops[at]};
      if (top.before(best)) best = top;
      bad = bad || rows.tops[at + 2] != 0;
    }
    broken = block_max<DrawRows::kWarps>(grid, bad ? 1.0f : 0.0f, room.flags) > 0;
    best = best_of_block<DrawRows::kWarps>(grid, best, room.values, room.ids);
  }

  WHORL_DEVICE bool by_chance() const { return !broken && best.value > -kEndless && how.temperature > 0; }
  WHORL_DEVICE float weight(float logit) const {
    return ops::exp_weight((logit - best.value) / how.temperature);
  }
  WHORL_DEVICE uint64_t mass(float logit) const { return ops::whole_weight(weight(logit)); }
  // Of what min_p leaves; 0 for all else.
  WHORL_DEVICE uint64_t kept_mass(float logit) const {
    const float w = weight(logit);
    return static_cast<double>(w) < how.min_p ? 0 : ops::whole_weight(w);
  }
};

}  // namespace whorl::cuda
