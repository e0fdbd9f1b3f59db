#pragma once
// The first and the last kernels of a draw: what is likeliest in each part of a row; what weighs how much in
// each part; where the drawn unit lies.
#include "cuda/kernels/draw_narrow.h"

namespace whorl::cuda {

// block() is the row, block_y() the part.
struct DrawTops {
  static constexpr int kThreads = DrawRows::kThreads;
  DrawRows rows;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const TopsRoom room(grid);
    const auto logits = rows.logits.row(grid.block());
    Ranked best{-kEndless, kNoId};
    bool bad = false;
    for (int64_t i = rows.begin(grid.block_y()) + grid.thread(); i < rows.end(grid.block_y());
         i += kThreads) {
      const Ranked x{logits[i], static_cast<int32_t>(i)};
      bad = bad || !(x.value < kEndless);
      if (x.before(best)) best = x;
    }
    bad = block_max<DrawRows::kWarps>(grid, bad ? 1.0f : 0.0f, room.flags) > 0;
    best = best_of_block<DrawRows::kWarps>(grid, best, room.values, room.ids);
    if (grid.thread() > 0) return;
    const auto to = rows.tops + (grid.block() * rows.parts + grid.block_y()) * 3;
    to[0] = best.id, to[1] = static_cast<int32_t>(float_to_bits(best.value)), to[2] = bad ? 1 : 0;
  }
};

// Likewise: penalties and what is not allowed, in the logits themselves. What is no number stays, to be told.
struct DrawChange {
  static constexpr int kThreads = DrawRows::kThreads;
  DrawRows rows;
  Global<const DrawChanges> changes;  // [rows]
  Global<const ops::Penalty> penalties;
  Global<const uint32_t> allowed;
  Dense<float> logits;

  WHORL_DEVICE void operator()(Grid& grid) const {
    const DrawChanges how = changes[grid.block()];
    const auto row = logits.row(grid.block());
    const int64_t begin = rows.begin(grid.block_y()), end = rows.end(grid.block_y());
    for (int64_t i = how.penalties + grid.thread(); i < how.penalties + how.count; i += kThreads) {
      const ops::Penalty p = penalties[i];
      if (p.id < begin || p.id >= end) continue;
      row[p.id] = ops::penalised(row[p.id], how.repetition, how.presence, how.frequency, p.count);
    }
    grid.sync();
    if (how.allowed < 0) return;
    for (int64_t i = begin + grid.thread(); i < end; i += kThreads)
      if (!(allowed[how.allowed + i / 32] >> (i % 32) & 1u) && row[i] < kEndless) row[i] = -kEndless;
  }
};

// Likewise: what is left of each part weighs how much, and how many of its logits lie on the border.
struct DrawMasses {
  static constexpr int kThreads = DrawRows::kThreads;
  static constexpr int64_t kShared = DrawSearch::kShared + 2 * shared_size(DrawRows::kWarps * 8);
  DrawRows rows;
  DrawState before;
  Global<uint64_t> out;  // [rows, parts, 2]

  WHORL_DEVICE void operator()(Grid& grid) const {
    const TopsRoom tops(grid);
    const auto room = grid.shared<uint64_t>(kThreads);
    const auto masses = grid.shared<uint64_t>(DrawRows::kWarps),
               ties = grid.shared<uint64_t>(DrawRows::kWarps);
    const DrawnRow row(grid, rows, grid.block(), tops);
    if (!row.by_chance()) return;
    const Narrowed state = before.take(grid, rows, row, room);
    const auto logits = rows.logits.row(grid.block());
    uint64_t mass = 0, tied = 0;
    for (int64_t i = rows.begin(grid.block_y()) + grid.thread(); i < rows.end(grid.block_y());
         i += kThreads) {
      const uint32_t key = key_of(logits[i]);
      mass += key > state.key ? row.kept_mass(logits[i]) : 0;
      tied += key == state.key ? 1 : 0;
    }
    mass = block_sum<DrawRows::kWarps>(grid, mass, masses);
    tied = block_sum<DrawRows::kWarps>(grid, tied, ties);
    if (grid.thread() > 0) return;
    const auto to = out + (grid.block() * rows.parts + grid.block_y()) * 2;
    to[0] = mass, to[1] = tied;
  }
};

// Along a row in the order of ids.
struct DrawWalk {
  uint64_t unit, ties, each;  // what is still to be passed; ties that are left, and what one weighs

  WHORL_DEVICE uint64_t weigh(uint64_t mass, uint64_t tied) const {
    return mass + (tied < ties ? tied : ties) * each;
  }
  // False: the unit lies here.
  WHORL_DEVICE bool pass(uint64_t mass, uint64_t tied) {
    const uint64_t all = weigh(mass, tied);
    if (unit < all) return false;
    unit -= all;
    ties -= tied < ties ? tied : ties;
    return true;
  }
};

// block() is the row.
struct DrawFind {
  static constexpr int kThreads = DrawRows::kThreads, kGroup = 16, kGroups = kThreads / kGroup;
  static constexpr int64_t kEach = DrawRows::kPart / kThreads;  // logits of a thread
  DrawRows rows;
  Global<const Narrowed> states;  // [rows], where a search was made
  Global<const uint64_t> masses;  // [rows, parts, 2], where any row is drawn by chance
  Dense<int32_t> out;

  static int64_t shared_bytes(int64_t parts) {
    return TopsRoom::kBytes + 2 * shared_size((kThreads + kGroups) * 8) + 2 * shared_size(parts * 8) +
           shared_size(4 * 8);
  }

  WHORL_DEVICE void operator()(Grid& grid) const {
    const TopsRoom tops(grid);
    const DrawnRow row(grid, rows, grid.block(), tops);
    const auto to = out.row(grid.block());
    if (row.by_chance()) {
      find(grid, row, to);
    } else if (grid.thread() == 0) {
      to[0] = row.broken                   ? ops::kBrokenLogits
              : row.best.value > -kEndless ? row.best.id
                                           : ops::kNothingLikely;
    }
  }

 private:
  WHORL_DEVICE void find(Grid& grid, const DrawnRow& row, const Global<int32_t>& to) const {
    const auto mass = grid.shared<uint64_t>(rows.parts), tied = grid.shared<uint64_t>(rows.parts);
    const auto found = grid.shared<uint64_t>(4);  // the part, and the walk up to it
    const Narrowed state = states ? static_cast<Narrowed>(states[grid.block()]) : Narrowed{};
    for (int64_t p = grid.thread(); p < rows.parts; p += kThreads) {
      const int64_t at = (grid.block() * rows.parts + p) * 2;
      mass[p] = masses[at], tied[p] = masses[at + 1];
    }
    grid.sync();
    if (grid.thread() == 0) {
      DrawWalk walk{0, state.ties, state.key == 0 ? 0 : row.kept_mass(logit_of(state.key))};
      walk.unit = ops::unit_at(row.how.uniform, total(walk, mass, tied));
      int64_t part = 0;
      while (part + 1 < rows.parts && walk.pass(mass[part], tied[part])) ++part;
      found[0] = static_cast<uint64_t>(part), found[1] = walk.unit, found[2] = walk.ties,
      found[3] = walk.each;
    }
    grid.sync();
    find_in_part(grid, row, state.key, static_cast<int64_t>(static_cast<uint64_t>(found[0])),
                 {found[1], found[2], found[3]}, to);
  }

  WHORL_DEVICE uint64_t total(DrawWalk walk, const Shared<uint64_t>& mass,
                              const Shared<uint64_t>& tied) const {
    uint64_t sum = 0;
    for (int64_t p = 0; p < rows.parts; ++p) {
      sum += walk.weigh(mass[p], tied[p]);
      walk.ties -= tied[p] < walk.ties ? static_cast<uint64_t>(tied[p]) : walk.ties;
    }
    return sum;
  }

  // A logit's mass, or that it lies on the border.
  struct One {
    uint64_t mass, tied;
  };
  WHORL_DEVICE One one(const DrawnRow& row, uint32_t border, float logit) const {
    const uint32_t key = key_of(logit);
    return {key > border ? row.kept_mass(logit) : 0, key == border ? uint64_t{1} : uint64_t{0}};
  }

  WHORL_DEVICE void find_in_part(Grid& grid, const DrawnRow& row, uint32_t border, int64_t part,
                                 DrawWalk walk, const Global<int32_t>& to) const {
    const auto mass = grid.shared<uint64_t>(kThreads + kGroups),
               tied = grid.shared<uint64_t>(kThreads + kGroups);
    const auto logits = rows.logits.row(grid.block());
    const int64_t end = rows.end(part);
    One mine{0, 0};
    for (int64_t i = rows.begin(part) + grid.thread() * kEach, e = 0; e < kEach && i < end; ++e, ++i) {
      const One x = one(row, border, logits[i]);
      mine.mass += x.mass, mine.tied += x.tied;
    }
    mass[grid.thread()] = mine.mass, tied[grid.thread()] = mine.tied;
    grid.sync();
    if (grid.thread() < kGroups) {
      One group{0, 0};
      for (int i = grid.thread() * kGroup; i < (grid.thread() + 1) * kGroup; ++i)
        group.mass += mass[i], group.tied += tied[i];
      mass[kThreads + grid.thread()] = group.mass, tied[kThreads + grid.thread()] = group.tied;
    }
    grid.sync();
    if (grid.thread() > 0) return;
    int64_t at = 0;
    while (at + 1 < kGroups && walk.pass(mass[kThreads + at], tied[kThreads + at])) ++at;
    at *= kGroup;
    for (int i = 0; i + 1 < kGroup && walk.pass(mass[at], tied[at]); ++i) ++at;
    at = rows.begin(part) + at * kEach;
    for (One x = one(row, border, logits[at]); at + 1 < end && walk.pass(x.mass, x.tied);
         x = one(row, border, logits[at]))
      ++at;
    to[0] = static_cast<int32_t>(at);
  }
};

}  // namespace whorl::cuda
