#include "train/shares.h"

#include <algorithm>
#include <cmath>

namespace whorl::train {

namespace {

// Where the pieces of a micro-batch end, in rows: as near to equal tokens as rows allow, and none empty where
// there are rows for all.
std::vector<size_t> cuts(const MicroBatch& micro, const std::vector<int64_t>& lengths, int64_t pieces) {
  const auto rows = static_cast<int64_t>(micro.rows.size());
  std::vector<size_t> out = {0};
  int64_t tokens = 0, row = 0;
  for (int64_t piece = 1; piece <= pieces; ++piece) {
    const double wanted =
        static_cast<double>(micro.tokens) * static_cast<double>(piece) / static_cast<double>(pieces);
    const int64_t least = std::min(rows, piece), most = std::max(least, rows - (pieces - piece));
    while (row < most) {
      const int64_t next = lengths[static_cast<size_t>(micro.rows[static_cast<size_t>(row)])];
      if (row >= least && static_cast<double>(tokens) + static_cast<double>(next) / 2 > wanted) break;
      tokens += next;
      ++row;
    }
    out.push_back(static_cast<size_t>(row));
  }
  return out;
}

int64_t tokens_of(const MicroBatch& micro, const std::vector<int64_t>& lengths, size_t begin, size_t end) {
  int64_t sum = 0;
  for (size_t i = begin; i < end; ++i) sum += lengths[static_cast<size_t>(micro.rows[i])];
  return sum;
}

Share piece_of(const MicroBatch& micro, size_t index, const std::vector<int64_t>& lengths, size_t begin,
               size_t end) {
  Share share;
  share.micro = index;
  share.first_token = tokens_of(micro, lengths, 0, begin);
  share.batch.rows.assign(micro.rows.begin() + static_cast<std::ptrdiff_t>(begin),
                          micro.rows.begin() + static_cast<std::ptrdiff_t>(end));
  share.batch.tokens = tokens_of(micro, lengths, begin, end);
  return share;
}

size_t whole_ones(size_t micro, int64_t ranks) { return micro - micro % static_cast<size_t>(ranks); }

}  // namespace

std::vector<Share> share_of(const std::vector<MicroBatch>& micro, const std::vector<int64_t>& lengths,
                            int64_t rank, int64_t ranks) {
  std::vector<Share> out;
  const size_t whole = whole_ones(micro.size(), ranks);
  for (size_t m = static_cast<size_t>(rank); m < whole; m += static_cast<size_t>(ranks))
    out.push_back({micro[m], m, 0});
  for (size_t m = whole; m < micro.size(); ++m) {
    const auto ends = cuts(micro[m], lengths, ranks);
    const size_t begin = ends[static_cast<size_t>(rank)], end = ends[static_cast<size_t>(rank) + 1];
    if (begin < end) out.push_back(piece_of(micro[m], m, lengths, begin, end));
  }
  return out;
}

int64_t largest_share(const std::vector<MicroBatch>& micro, const std::vector<int64_t>& lengths,
                      int64_t ranks) {
  int64_t most = 0;
  for (int64_t rank = 0; rank < ranks; ++rank)
    for (const Share& share : share_of(micro, lengths, rank, ranks))
      most = std::max(most, share.batch.tokens);
  return most;
}

int64_t busy_ranks(const std::vector<MicroBatch>& micro, int64_t ranks) {
  if (static_cast<int64_t>(micro.size()) >= ranks) return ranks;
  size_t most = 0;
  for (const MicroBatch& one : micro) most = std::max(most, one.rows.size());
  return std::min(ranks, static_cast<int64_t>(most));
}

}  // namespace whorl::train
