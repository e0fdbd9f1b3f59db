// Every row of a step goes to one rank, and the shares are about as large.
#include "train/shares.h"

#include <gtest/gtest.h>

#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

struct Dealt {
  std::vector<int64_t> lengths;
  std::vector<train::MicroBatch> micro;
};

// `batches` micro-batches of `rows` rows of 4 to 40 tokens.
Dealt step_of(size_t batches, int64_t rows, uint64_t seed) {
  Dealt d;
  for (size_t m = 0; m < batches; ++m) {
    train::MicroBatch micro;
    for (int64_t r = 0; r < rows; ++r) {
      const auto length = static_cast<int64_t>(4 + base::below(seed, d.lengths.size(), 37));
      micro.rows.push_back(static_cast<int64_t>(d.lengths.size()));
      micro.tokens += length;
      d.lengths.push_back(length);
    }
    d.micro.push_back(micro);
  }
  return d;
}

// The rows of each micro-batch in the order of ranks, and whether each share says where it begins.
std::vector<train::MicroBatch> put_together(const Dealt& d, int64_t ranks) {
  std::vector<train::MicroBatch> out(d.micro.size());
  for (int64_t rank = 0; rank < ranks; ++rank)
    for (const train::Share& share : train::share_of(d.micro, d.lengths, rank, ranks)) {
      train::MicroBatch& whole = out[share.micro];
      EXPECT_EQ(share.first_token, whole.tokens);
      EXPECT_FALSE(share.batch.rows.empty());
      whole.rows.insert(whole.rows.end(), share.batch.rows.begin(), share.batch.rows.end());
      whole.tokens += share.batch.tokens;
    }
  return out;
}

TEST(Shares, HoldEveryRowOnce) {
  for (const size_t batches : {1, 2, 3, 5, 8})
    for (const int64_t rows : {1, 2, 7, 30})
      for (const int64_t ranks : {1, 2, 3, 4}) {
        const Dealt d = step_of(batches, rows, batches * 100 + static_cast<uint64_t>(rows));
        const auto all = put_together(d, ranks);
        for (size_t m = 0; m < batches; ++m) {
          EXPECT_EQ(all[m].rows, d.micro[m].rows) << batches << " " << rows << " " << ranks;
          EXPECT_EQ(all[m].tokens, d.micro[m].tokens);
        }
      }
}

TEST(Shares, OfOneRankAreTheMicroBatches) {
  const Dealt d = step_of(3, 5, 1);
  const auto all = train::share_of(d.micro, d.lengths, 0, 1);
  ASSERT_EQ(all.size(), 3u);
  for (size_t m = 0; m < 3; ++m) EXPECT_EQ(all[m].batch.rows, d.micro[m].rows);
}

TEST(Shares, AreBalanced) {
  for (const size_t batches : {1, 3, 4})
    for (const int64_t ranks : {2, 3, 4}) {
      const Dealt d = step_of(batches, 30, 9);
      int64_t total = 0, most = 0;
      for (const auto& micro : d.micro) total += micro.tokens;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        int64_t mine = 0;
        for (const auto& share : train::share_of(d.micro, d.lengths, rank, ranks)) mine += share.batch.tokens;
        most = std::max(most, mine);
      }
      EXPECT_LE(static_cast<double>(most), 1.2 * static_cast<double>(total) / static_cast<double>(ranks));
    }
}

TEST(Shares, LeaveNoRankIdleWhereThereAreRows) {
  Dealt d;
  d.lengths = {1000, 1, 1, 1};
  d.micro = {{{0, 1, 2, 3}, 1003}};
  for (const int64_t ranks : {2, 3, 4})
    for (int64_t rank = 0; rank < ranks; ++rank)
      EXPECT_FALSE(train::share_of(d.micro, d.lengths, rank, ranks).empty()) << rank << " of " << ranks;
  std::swap(d.lengths[0], d.lengths[3]);
  for (int64_t rank = 0; rank < 4; ++rank) EXPECT_FALSE(train::share_of(d.micro, d.lengths, rank, 4).empty());
  EXPECT_EQ(train::busy_ranks(d.micro, 9), 4);
  EXPECT_EQ(train::busy_ranks({d.micro[0], d.micro[0]}, 2), 2);
  EXPECT_EQ(train::largest_share(d.micro, d.lengths, 2), 1000);
}

}  // namespace
}  // namespace whorl
