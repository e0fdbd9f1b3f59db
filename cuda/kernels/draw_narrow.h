#pragma once
// Which logits of a row top_k and top_p leave, without sorting it: the key of the last one is found four bits
// at a time, from the counts or masses of all logits whose key is at least one of sixteen candidates.
#include "cuda/kernels/draw_rows.h"

namespace whorl::cuda {

// What is left: logits of larger keys than `key`, and of those with that key the first `ties`. Then what a
// search has found so far.
struct Narrowed {
  uint64_t ties, above, target;  // counted or weighed behind the candidates; what is to be reached
  uint32_t key, prefix;
};

struct DrawSearch {
  static constexpr int kCandidates = 16, kBits = 4, kRounds = 32 / kBits;
  static constexpr int64_t kShared = TopsRoom::kBytes + shared_size(DrawRows::kThreads * 8);
  bool mass = false;  // of top_p; else the counts of top_k
  int32_t round = 0;

  WHORL_DEVICE uint32_t step() const { return 1u << (32 - kBits * (round + 1)); }
  WHORL_DEVICE bool wanted(const DrawRow& how, int64_t vocabulary) const {
    return mass ? how.top_p < 1 : how.top_k > 0 && how.top_k < vocabulary;
  }

  // `sums` [rows, parts, candidates] are what this round found. `room` has a number for each thread.
  WHORL_DEVICE void settle(Grid& grid, const DrawRows& rows, const DrawnRow& row, Global<const uint64_t> sums,
                           const Shared<uint64_t>& room, Narrowed& state) const {
    if (!wanted(row.how, rows.vocabulary)) return;
    const int candidate = grid.thread() % kCandidates;
    uint64_t sum = 0;
    for (int64_t p = grid.thread() / kCandidates; p < rows.parts; p += DrawRows::kThreads / kCandidates)
      sum += sums[(grid.block() * rows.parts + p) * kCandidates + candidate];
    room[grid.thread()] = sum;
    grid.sync();
    uint64_t found[kCandidates];
    WHORL_UNROLL
    for (int c = 0; c < kCandidates; ++c) {
      found[c] = 0;
      for (int i = c; i < DrawRows::kThreads; i += kCandidates) found[c] += room[i];
    }
    if (round == 0) state.target = target(row, state, found[0]);
    choose(found, state);
    if (round + 1 == kRounds) cut(row, state);
  }

 private:
  WHORL_DEVICE uint64_t target(const DrawnRow& row, const Narrowed& state, uint64_t all) const {
    if (!mass) return static_cast<uint64_t>(row.how.top_k);
    const uint64_t tied = state.key == 0 ? 0 : state.ties * row.mass(logit_of(state.key));
    return ops::share_of(row.how.top_p, all + tied);
  }

  // The last candidate that enough comes up to. What top_k has cut off counts for nothing, and its border for
  // all that is left there.
  WHORL_DEVICE void choose(const uint64_t (&found)[kCandidates], Narrowed& state) const {
    const uint32_t begin = round == 0 ? 0 : state.prefix;
    WHORL_UNROLL
    for (int c = 0; c < kCandidates; ++c) {
      const uint32_t candidate = begin + static_cast<uint32_t>(c) * step();
      if (c > 0 && (!mass || candidate > state.key) && found[c] < state.target) {
        state.above = found[c];
        return;
      }
      state.prefix = candidate;
    }
  }

  WHORL_DEVICE void cut(const DrawnRow& row, Narrowed& state) const {
    const uint64_t missing = state.target - state.above;
    const uint64_t each = mass ? row.mass(logit_of(state.prefix)) : 1;
    state.key = state.prefix, state.ties = (missing + each - 1) / each;
  }
};

// A search so far: the round before this one, whose sums say what this one starts from. All blocks of a row
// find the same; the one of the first part writes it down.
struct DrawState {
  Global<Narrowed> states;  // [rounds + 1, rows]
  Global<const uint64_t> sums;
  DrawSearch last;              // the round before
  int64_t index = 0, rows = 0;  // of this one; 0: there is none before

  WHORL_DEVICE Narrowed take(Grid& grid, const DrawRows& all, const DrawnRow& row,
                             const Shared<uint64_t>& room) const {
    Narrowed state{};
    if (index == 0) return state;
    if (index > 1) state = states[(index - 1) * rows + grid.block()];
    last.settle(grid, all, row, sums, room, state);
    if (grid.block_y() == 0 && grid.thread() == 0) states[index * rows + grid.block()] = state;
    return state;
  }
};

// block() is the row, block_y() the part.
struct DrawNarrow {
  static constexpr int kThreads = DrawRows::kThreads;
  static constexpr int64_t kShared =
      DrawSearch::kShared + shared_size(DrawSearch::kCandidates * DrawRows::kWarps * 8);
  DrawRows rows;
  DrawState before;
  DrawSearch search;
  Global<uint64_t> out;  // [rows, parts, candidates]

  WHORL_DEVICE void operator()(Grid& grid) const {
    const TopsRoom tops(grid);
    const auto room = grid.shared<uint64_t>(kThreads);
    const auto sums = grid.shared<uint64_t>(DrawSearch::kCandidates * DrawRows::kWarps);
    const DrawnRow row(grid, rows, grid.block(), tops);
    if (!row.by_chance()) return;
    const Narrowed state = before.take(grid, rows, row, room);
    if (!search.wanted(row.how, rows.vocabulary)) return;
    uint64_t found[DrawSearch::kCandidates] = {};
    count(grid, row, state, found);
    WHORL_UNROLL
    for (int c = 0; c < DrawSearch::kCandidates; ++c) {
      const uint64_t sum = warp_sum(grid, found[c]);
      if (grid.lane() == 0) sums[c * DrawRows::kWarps + grid.warp()] = sum;
    }
    grid.sync();
    if (grid.thread() >= DrawSearch::kCandidates) return;
    uint64_t sum = 0;
    for (int w = 0; w < DrawRows::kWarps; ++w) sum += sums[grid.thread() * DrawRows::kWarps + w];
    out[(grid.block() * rows.parts + grid.block_y()) * DrawSearch::kCandidates + grid.thread()] = sum;
  }

 private:
  WHORL_DEVICE void count(Grid& grid, const DrawnRow& row, const Narrowed& state,
                          uint64_t (&found)[DrawSearch::kCandidates]) const {
    const uint32_t begin = search.round == 0 ? 0 : state.prefix, step = search.step();
    const auto logits = rows.logits.row(grid.block());
    for (int64_t i = rows.begin(grid.block_y()) + grid.thread(); i < rows.end(grid.block_y());
         i += kThreads) {
      const uint32_t key = key_of(logits[i]);
      if (key < begin || (search.mass && key <= state.key)) continue;
      const uint64_t one = search.mass ? row.mass(logits[i]) : 1;
      WHORL_UNROLL
      for (int c = 0; c < DrawSearch::kCandidates; ++c)
        found[c] += key >= begin + static_cast<uint32_t>(c) * step ? one : 0;
    }
  }
};

}  // namespace whorl::cuda
