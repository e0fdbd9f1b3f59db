#pragma once
// Edit distance near the diagonal, as TER (Tercom) measures it: cells too far from it do not exist.
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace whorl::eval {

// The band of each row for one pair of lengths. Row i stands for the first i words said, column j for the
// first j words of the reference; the first and last rows are whole to the right.
class Band {
 public:
  Band(size_t said, size_t reference);
  size_t first(size_t row) const { return bounds_[row].first; }
  size_t end(size_t row) const { return bounds_[row].second; }
  size_t rows() const { return bounds_.size(); }

 private:
  std::vector<std::pair<uint32_t, uint32_t>> bounds_;
};

using Words = std::vector<uint32_t>;

// What one alignment tells about moving words.
struct Alignment {
  std::vector<int32_t> said_at;  // per word of the reference: the word said that it is aligned with
  std::vector<int32_t> errors_before_reference;  // prefix sums: errors among the first i words
  std::vector<int32_t> errors_before_said;
};

// Distances of a hypothesis and of its rearrangements from one reference. A rearrangement shares its first
// and last words with the hypothesis, so only the rows between are computed: those before come from a table
// of distances from the start, those after from one of distances to the end.
class BeamDistance {
 public:
  BeamDistance(const Words& reference, size_t said);
  // Fills both tables for `said`; returns its distance.
  int32_t align(const Words& said, Alignment& alignment);
  // The distance of `moved`, which differs from the aligned words in rows first … end-1 only; or any number
  // above `limit` when it is above.
  int32_t distance(const Words& moved, size_t first, size_t end, int32_t limit);

 private:
  void forward_row(const int32_t* above, int32_t* row, size_t i, uint32_t word) const;
  void fill_backward(const Words& said);
  void trace(const Words& said, Alignment& alignment) const;
  int32_t* forward(size_t row) { return forward_.data() + row * columns_; }
  const int32_t* forward(size_t row) const { return forward_.data() + row * columns_; }
  int32_t* backward(size_t row) { return backward_.data() + row * columns_; }

  const Words& reference_;
  Band band_;
  size_t columns_;
  std::vector<int32_t> forward_, backward_;
  std::vector<int32_t> upper_, lower_;  // two rows at work
};

}  // namespace whorl::eval
