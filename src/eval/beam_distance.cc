#include "eval/beam_distance.h"

#include <algorithm>
#include <cmath>

namespace whorl::eval {
namespace {

constexpr double kBeamWidth = 25;
constexpr int32_t kNever = 1 << 28;  // no path leads here; sums of two stay below 2^31

}  // namespace

Band::Band(size_t said, size_t reference) {
  const double ratio = said == 0 ? 1 : static_cast<double>(reference) / static_cast<double>(said);
  // Very different lengths need a wider beam, or a row's cells would not touch the next row's.
  const double width = kBeamWidth < ratio / 2 ? std::ceil(ratio / 2 + kBeamWidth) : kBeamWidth;
  const auto columns = static_cast<double>(reference + 1);
  bounds_.reserve(said + 1);
  bounds_.emplace_back(0, reference + 1);
  for (size_t i = 1; i <= said; ++i) {
    const double diagonal = std::floor(static_cast<double>(i) * ratio);
    const double end = i == said ? columns : std::min(columns, diagonal + width);
    bounds_.emplace_back(static_cast<uint32_t>(std::max(0.0, diagonal - width)), static_cast<uint32_t>(end));
  }
}

BeamDistance::BeamDistance(const Words& reference, size_t said)
    : reference_(reference),
      band_(said, reference.size()),
      columns_(reference.size() + 1),
      forward_((said + 1) * columns_, kNever),
      backward_((said + 1) * columns_, kNever),
      upper_(columns_),
      lower_(columns_) {
  for (size_t j = 0; j < columns_; ++j) forward(0)[j] = static_cast<int32_t>(j);
}

// Cells of `above` outside its band must be kNever.
void BeamDistance::forward_row(const int32_t* above, int32_t* row, size_t i, uint32_t word) const {
  size_t j = band_.first(i);
  const size_t end = band_.end(i);
  int32_t left = kNever;
  if (j == 0) left = row[j++] = above[0] + 1;
  for (; j < end; ++j) {
    const int32_t aligned = above[j - 1] + (word != reference_[j - 1]);
    left = std::min(std::min(aligned, above[j] + 1), left + 1);
    row[j] = left;
  }
}

int32_t BeamDistance::align(const Words& said, Alignment& alignment) {
  for (size_t i = 1; i <= said.size(); ++i) forward_row(forward(i - 1), forward(i), i, said[i - 1]);
  fill_backward(said);
  trace(said, alignment);
  return forward(said.size())[columns_ - 1];
}

// backward(i)[j]: the cheapest way from cell (i, j) to the last one, through cells of the band.
void BeamDistance::fill_backward(const Words& said) {
  const size_t rows = said.size();
  for (size_t i = rows + 1; i-- > 0;) {
    int32_t* row = backward(i);
    const int32_t* below = i < rows ? backward(i + 1) : nullptr;
    int32_t right = kNever;
    for (size_t j = band_.end(i); j-- > band_.first(i);) {
      int32_t best = i == rows && j + 1 == columns_ ? 0 : right + 1;
      if (below != nullptr) {
        best = std::min(best, below[j] + 1);
        if (j + 1 < columns_) best = std::min(best, below[j + 1] + (said[i] != reference_[j]));
      }
      right = row[j] = std::min(best, kNever);
    }
  }
}

// Back along the path the reference takes: aligned words first, then a word said too much, then one missing.
void BeamDistance::trace(const Words& said, Alignment& alignment) const {
  size_t i = said.size(), j = reference_.size();
  alignment.said_at.assign(j, -1);
  std::vector<uint8_t> reference_wrong(j, 0), said_wrong(i, 0);
  while (i > 0 || j > 0) {
    const int32_t here = forward(i)[j];
    const bool same = i > 0 && j > 0 && said[i - 1] == reference_[j - 1];
    if (i > 0 && j > 0 && forward(i - 1)[j - 1] + !same == here) {
      --i, --j;
      alignment.said_at[j] = static_cast<int32_t>(i);
      reference_wrong[j] = said_wrong[i] = !same;
    } else if (i > 0 && forward(i - 1)[j] + 1 == here) {
      said_wrong[--i] = 1;
    } else {
      alignment.said_at[--j] = static_cast<int32_t>(i) - 1;
      reference_wrong[j] = 1;
    }
  }
  auto prefix_sums = [](const std::vector<uint8_t>& wrong, std::vector<int32_t>& sums) {
    sums.assign(1, 0);
    for (const uint8_t w : wrong) sums.push_back(sums.back() + w);
  };
  prefix_sums(reference_wrong, alignment.errors_before_reference);
  prefix_sums(said_wrong, alignment.errors_before_said);
}

int32_t BeamDistance::distance(const Words& moved, size_t first, size_t end, int32_t limit) {
  const int32_t* above = forward(first);
  for (size_t i = first + 1; i <= end; ++i) {
    auto& row = i % 2 ? lower_ : upper_;
    // The row after this one looks one column beyond the band on either side.
    const size_t low = band_.first(i), high = band_.end(i);
    if (low > 0) row[low - 1] = kNever;
    for (size_t j = high; j < std::min(columns_, i < band_.rows() - 1 ? band_.end(i + 1) : high); ++j)
      row[j] = kNever;
    forward_row(above, row.data(), i, moved[i - 1]);
    above = row.data();
    if (*std::min_element(row.begin() + static_cast<std::ptrdiff_t>(low),
                          row.begin() + static_cast<std::ptrdiff_t>(high)) > limit)
      return limit + 1;
  }
  const int32_t* below = backward(end);
  int32_t best = kNever;
  for (size_t j = band_.first(end); j < band_.end(end); ++j) best = std::min(best, above[j] + below[j]);
  return best;
}

}  // namespace whorl::eval
