#pragma once
// Pieces of rows that threads take through several ops each (Backend::by_rows): what they share, and how sums
// over rows stay in row order.
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cpu/packed.h"

namespace whorl::cpu {

// One of these for all pieces of a by_rows(). Pieces begin in their order, so that one that waits for those
// before it never waits for one that has no thread.
class RowsInTurn {
 public:
  RowsInTurn(int64_t pieces, int threads);

  // A place among as many as there are threads, for a piece's working memory: the one that was given back
  // last, most likely by this thread.
  int64_t take_place();

  // A piece gave up: those that wait for it do, too.
  struct Abandoned {};

  // Runs `add` when the pieces before `piece` have added theirs to `weight`'s sums, or have ended.
  void add_in_order(int64_t piece, const ops::PackedWeight* weight, const std::function<void()>& add);
  void ended(int64_t piece, int64_t place);
  void abandon() { abandoned_.store(true, std::memory_order_release); }

  // The transposes of weights that have no layout of their own for gradients.
  std::map<const CpuWeight*, const float*> turned;

 private:
  void wait_for(const std::atomic<int64_t>& added, int64_t piece) const;

  std::atomic<int64_t> ended_{0};  // pieces 0 to here, without a gap
  std::atomic<bool> abandoned_{false};
  std::mutex mutex_;
  std::map<const ops::PackedWeight*, std::atomic<int64_t>> added_;  // pieces whose sums are in
  std::vector<bool> has_ended_;
  std::vector<int64_t> places_;
};

// The piece that this thread is at; null outside of one.
struct PieceOfRows {
  RowsInTurn* all;
  int64_t index;
};
PieceOfRows*& this_piece();

// Sums over rows, at once or when it is this piece's turn.
void in_row_order(const ops::PackedWeight* weight, const std::function<void()>& add);
// A weight's transpose, made for all pieces; null where there is none.
const float* turned_for_rows(const CpuWeight& weight);

}  // namespace whorl::cpu
