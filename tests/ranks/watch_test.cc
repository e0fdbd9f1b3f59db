// Waiting for work that is done elsewhere: it ends with the work, with a rank, or with the time.
#include <gtest/gtest.h>

#include <atomic>

#include "ranks/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

const auto never = [] { return false; };

TEST(Watch, EndsWithTheWorkThoughOthersAreAhead) {
  std::atomic<int> asked = 0;
  const auto errors = run_ranks(places(3), [&](ranks::Communicator& all) {
    for (int round = 0; round < 3; ++round) {
      asked = 0;
      all.barrier();
      // The others wait in their next call meanwhile, and what they have sent for it is not lost.
      all.watch("work", [&] { return all.rank() != 0 || ++asked > 50; });
      EXPECT_EQ(all.all_gather(std::to_string(all.rank())), (std::vector<std::string>{"0", "1", "2"}));
    }
  });
  EXPECT_EQ(errors, std::vector<std::string>(3));
}

// A broadcast is sent without an answer: rank 0 may be several calls ahead.
TEST(Watch, LeavesWhatComesForLaterCalls) {
  std::atomic<bool> sent = false;
  run_ranks(places(2), [&](ranks::Communicator& all) {
    all.watch("work", [&] { return all.rank() == 0 || sent; });
    all.watch("more", [&] { return all.rank() == 0 || sent; });
    int first = 1 + all.rank(), second = 5 + all.rank();
    all.broadcast(&first, sizeof first);
    all.broadcast(&second, sizeof second);
    sent = true;
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 5);
    all.barrier();
  });
}

TEST(Watch, ARankThatFailsEndsItWithItsWords) {
  for (const int culprit : {0, 2}) {
    const auto errors = run_ranks(places(3), [&](ranks::Communicator& all) {
      all.barrier();
      if (all.rank() == culprit) throw std::runtime_error("the disk is full");
      all.watch("work", never);
    });
    for (const std::string& error : errors) EXPECT_CONTAINS(error, "the disk is full");
  }
}

TEST(Watch, ARankThatEndsIsNamed) {
  std::atomic<int> waiting = 0;
  const auto errors = run_ranks(places(3), [&](ranks::Communicator& all) {
    all.barrier();
    if (all.rank() == 1) return;
    all.watch("work", [&] { return ++waiting < 0; });
  });
  for (const size_t rank : {0, 2}) EXPECT_CONTAINS(errors[rank], "rank 1 of 3 closed the connection");
}

// The device's library notices a lost rank, too, and cannot name it: the connection's word is better.
TEST(Watch, ALostRankExplainsAnErrorOfTheWork) {
  const auto errors = run_ranks(places(2), [&](ranks::Communicator& all) {
    all.barrier();
    if (all.rank() == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      throw std::runtime_error("the disk is full");
    }
    all.watch("work", []() -> bool { throw std::runtime_error("somebody is gone"); });
  });
  EXPECT_CONTAINS(errors[0], "rank 1 of 2 failed: the disk is full");
}

TEST(Watch, AnErrorOfTheWorkIsThisRanks) {
  const auto errors = run_ranks(places(2), [&](ranks::Communicator& all) {
    all.watch("work", [&]() -> bool {
      if (all.rank() == 1) throw std::runtime_error("the link is down");
      return false;
    });
  });
  EXPECT_EQ(errors[1], "the link is down");
  EXPECT_CONTAINS(errors[0], "rank 1 of 2 failed: the link is down");
}

TEST(Watch, ARankAtAnotherCallIsNamed) {
  const auto errors = run_ranks(places(2), [&](ranks::Communicator& all) {
    if (all.rank() == 0)
      all.watch("work", never);
    else
      all.all_reduce_sum(Tensor::zeros(DType::float32, {1}));
  });
  for (const std::string& error : errors)
    EXPECT_CONTAINS(error, "rank 1 of 2 is at call 1 (all_reduce_sum), rank 0 at call 1 (work)");
}

TEST(Watch, EndsWhenTimeIsUp) {
  const auto errors = run_ranks(places(2, 1), [&](ranks::Communicator& all) { all.watch("work", never); });
  for (const std::string& error : errors)
    EXPECT_CONTAINS(error, "rank 0 of 2 waited 1 s for work, which did not end");
}

}  // namespace
}  // namespace whorl
