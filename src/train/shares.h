#pragma once
// How the micro-batches of a step are dealt to the ranks of a run: a pure function of their rows' lengths, so
// that every rank knows its own share without asking.
#include <cstdint>
#include <vector>

#include "train/epochs.h"

namespace whorl::train {

// Rows of one micro-batch, all or some neighbours of them.
struct Share {
  MicroBatch batch;
  size_t micro = 0;         // which micro-batch of the step
  int64_t first_token = 0;  // where the rows begin in it
};

// As long as there is one for each rank, whole micro-batches in turn; those left over are cut between rows
// into a piece for each rank, of about as many tokens. `lengths`: tokens by row.
std::vector<Share> share_of(const std::vector<MicroBatch>& micro, const std::vector<int64_t>& lengths,
                            int64_t rank, int64_t ranks);
// Tokens of the largest share of any rank.
int64_t largest_share(const std::vector<MicroBatch>& micro, const std::vector<int64_t>& lengths,
                      int64_t ranks);
// How many ranks have something to do.
int64_t busy_ranks(const std::vector<MicroBatch>& micro, int64_t ranks);

}  // namespace whorl::train
