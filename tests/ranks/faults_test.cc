// What goes wrong on one rank ends all, says who it was, and never hangs.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>

#include "ranks/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(Faults, ARanksErrorReachesAllWithItsWords) {
  for (const int culprit : {0, 1, 2}) {
    const auto errors = run_ranks(places(3), [&](ranks::Communicator& all) {
      all.barrier();
      if (all.rank() == culprit) throw std::runtime_error("the disk is full");
      const Tensor x = Tensor::zeros(DType::float32, {3'000'000});
      all.all_reduce_sum(x);
    });
    for (int rank = 0; rank < 3; ++rank) {
      const std::string& error = errors[static_cast<size_t>(rank)];
      EXPECT_CONTAINS(error, "the disk is full");
      if (rank == culprit) continue;
      EXPECT_CONTAINS(error, "rank " + std::to_string(culprit) + " of 3 failed");
    }
  }
}

// A process of its own, so that nothing but the kernel can speak for it.
pid_t rank_that_is_killed(const ranks::Place& place) {
  const pid_t child = fork();
  if (child != 0) return child;
  const auto all = ranks::join(place, "[child]");
  all->barrier();
  raise(SIGKILL);
  _exit(0);
}

TEST(Faults, AKilledRankIsNamedAtOnce) {
  for (const int killed : {1, 2}) {
    auto all = places(3, 60);
    const pid_t child = rank_that_is_killed(all[static_cast<size_t>(killed)]);
    all.erase(all.begin() + killed);
    const auto begin = std::chrono::steady_clock::now();
    const auto errors = run_ranks(all, [](ranks::Communicator& communicator) {
      communicator.barrier();
      communicator.barrier();
    });
    waitpid(child, nullptr, 0);
    for (const std::string& error : errors)
      EXPECT_CONTAINS(error, "rank " + std::to_string(killed) + " of 3 closed the connection");
    EXPECT_LT(seconds_since(begin), 10);
  }
}

TEST(Faults, TheFirstRankToo) {
  auto all = places(3, 60);
  const pid_t child = rank_that_is_killed(all[0]);
  all.erase(all.begin());
  const auto errors = run_ranks(all, [](ranks::Communicator& communicator) {
    communicator.barrier();
    communicator.barrier();
  });
  waitpid(child, nullptr, 0);
  for (const std::string& error : errors) EXPECT_CONTAINS(error, "rank 0 of 3 closed the connection");
}

TEST(Faults, ASilentRankIsNamedWhenTimeIsUp) {
  const auto errors = run_ranks(places(3, 1), [](ranks::Communicator& all) {
    all.barrier();
    if (all.rank() == 2) std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    all.barrier();
  });
  for (const std::string& error : errors) EXPECT_CONTAINS(error, "rank 2 of 3 did not answer within 1 s");
}

TEST(Faults, RanksAtDifferentPlacesSaySo) {
  const auto errors = run_ranks(places(2), [](ranks::Communicator& all) {
    char byte = 0;
    if (all.rank() == 0)
      all.barrier();
    else
      all.all_reduce_sum(Tensor::zeros(DType::float32, {1}));
    all.broadcast(&byte, 1);
  });
  for (const std::string& error : errors)
    EXPECT_CONTAINS(error, "rank 1 of 2 is at call 1 (all_reduce_sum), rank 0 at call 1 (all_gather)");
}

TEST(Faults, TensorsOfDifferentSizesSaySo) {
  const auto errors = run_ranks(places(2), [](ranks::Communicator& all) {
    all.all_reduce_sum(Tensor::zeros(DType::float32, {all.rank() == 0 ? 10 : 11}));
  });
  for (const std::string& error : errors)
    EXPECT_CONTAINS(error, "rank 1 of 2 has 44 bytes for all_reduce_sum, rank 0 40");
}

TEST(Faults, NothingCanBeCalledAfterAnError) {
  const auto errors = run_ranks(places(2), [](ranks::Communicator& all) {
    all.fail("enough");
    EXPECT_THROW(all.barrier(), std::runtime_error);
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
}

}  // namespace
}  // namespace whorl
