// The thread pool: every task once, turns, stretches that end together.
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace whorl::base {
namespace {

// More threads than CPUs: workers wake late, in the middle of another run or after it.
TEST(ThreadPool, ShortRunsOneAfterAnotherLoseNoTaskAndRepeatNone) {
  ThreadPool pool(8);
  for (int64_t run = 0; run < 20000; ++run) {
    const int64_t tasks = 2 + run % 16;
    std::array<std::atomic<int64_t>, 17> seen{};
    pool.run(tasks, [&](int64_t i) { seen[static_cast<size_t>(i)] += run + 1; });
    for (int64_t i = 0; i < tasks; ++i) ASSERT_EQ(seen[static_cast<size_t>(i)], run + 1) << run << ' ' << i;
  }
}

TEST(ThreadPool, RunsEveryTaskOnceAndPassesExceptionsOn) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> hits(1000);
  for (int round = 0; round < 20; ++round) pool.run(1000, [&](int64_t i) { ++hits[static_cast<size_t>(i)]; });
  for (const auto& hit : hits) EXPECT_EQ(hit, 20);
  EXPECT_THROW(pool.run(100,
                        [](int64_t i) {
                          if (i == 50) throw std::runtime_error("x");
                        }),
               std::runtime_error);
  std::atomic<int> inner{0};
  pool.run(8, [&](int64_t) { pool.run(8, [&](int64_t) { ++inner; }); });
  EXPECT_EQ(inner, 64) << "a call from inside runs inline";
  EXPECT_GE(available_cpus(), 1);
}

TEST(ThreadPool, LongTasksRunOnceInAscendingOrderAndPassExceptionsOn) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> hits(100);
    std::atomic<int64_t> begun{0};
    pool.run_in_turns(100, [&](int64_t i) {
      EXPECT_LE(i, begun++ + threads);
      ++hits[static_cast<size_t>(i)];
    });
    for (const auto& hit : hits) EXPECT_EQ(hit, 1);
    EXPECT_THROW(pool.run_in_turns(100,
                                   [](int64_t i) {
                                     if (i == 50) throw std::runtime_error("x");
                                   }),
                 std::runtime_error);
    std::atomic<int> inner{0};
    pool.run_in_turns(4, [&](int64_t) { pool.run_in_turns(4, [&](int64_t) { ++inner; }); });
    EXPECT_EQ(inner, 16);
  }
}

// Ten short runs get their turns while long tasks are left; two that run long ones take turns.
TEST(ThreadPool, BetweenLongTasksOthersGetTheirTurn) {
  ThreadPool pool(2);
  constexpr int64_t kTasks = 2000;  // ten milliseconds each: ten seconds for who lets nobody in
  std::atomic<bool> begun{false}, served{false};
  std::atomic<int64_t> longest{0}, left_out{0};
  const auto long_tasks = [&] {
    pool.run_in_turns(kTasks, [&](int64_t i) {
      begun = true;
      if (served) return void(++left_out);
      longest = std::max(longest.load(), i);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    });
  };
  std::thread one(long_tasks), two(long_tasks);
  while (!begun) std::this_thread::yield();
  std::atomic<int> runs{0};
  for (int i = 0; i < 10; ++i) pool.run(2, [&](int64_t) { ++runs; });
  served = true;
  one.join(), two.join();
  EXPECT_EQ(runs, 20);
  EXPECT_GT(left_out, 0) << "long tasks were left when the short ones were done";
  EXPECT_LT(longest, kTasks - 1);
}

// Four that ask for their turn again and again: somebody always waits.
TEST(ThreadPool, LongTasksGetTheirTurnBetweenManyOthers) {
  ThreadPool pool(2);
  std::atomic<bool> stop{false};
  std::atomic<int64_t> begun{0};
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      while (!stop && std::chrono::steady_clock::now() < end)
        pool.run(2, [&](int64_t) { ++begun, std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
    });
  while (begun < 20) std::this_thread::yield();
  pool.run_in_turns(4, [](int64_t) {});
  stop = true;
  EXPECT_LT(std::chrono::steady_clock::now(), end) << "they began when nobody else was left";
  for (std::thread& other : others) other.join();
}

// Who waits lets others do the rest of its part.
TEST(ThreadPool, StretchesHaveEveryUnitOnceHoweverSlowAThreadIs) {
  for (const int threads : {1, 2, 3, 8})
    for (const int64_t n : {1, 7, 64, 1000})
      for (const int64_t least : {0, 1, 16, 999}) {
        ThreadPool pool(threads);
        std::vector<std::atomic<int>> hits(static_cast<size_t>(n));
        for (int times = 0; times < 20; ++times)
          pool.run_stretches(n, least, [&](int64_t begin, int64_t end) {
            ASSERT_LT(begin, end);
            if (begin == 0 && times < 2) std::this_thread::sleep_for(std::chrono::microseconds(200));
            for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
          });
        for (const auto& hit : hits) ASSERT_EQ(hit, 20) << n << " units, " << threads << " threads";
      }
  ThreadPool(2).run_stretches(0, 1, [](int64_t, int64_t) { FAIL(); });
}

// The first one waits, in the first half of its part, until all else is done.
TEST(ThreadPool, WhoIsDoneTakesWhatAnotherHasLeft) {
  ThreadPool pool(2);
  std::atomic<int64_t> done{0};
  const auto end_of_patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  pool.run_stretches(1000, 10, [&](int64_t begin, int64_t end) {
    EXPECT_GE(end - begin, 10);
    while (begin == 0 && done < 750 && std::chrono::steady_clock::now() < end_of_patience)
      std::this_thread::yield();
    done += end - begin;
  });
  EXPECT_LT(std::chrono::steady_clock::now(), end_of_patience) << "nobody took the rest of a part";
}

TEST(ThreadPool, AThreadReadsOnWhereItsLastStretchEnded) {
  ThreadPool pool(2);
  std::mutex mutex;
  std::map<std::thread::id, std::vector<std::pair<int64_t, int64_t>>> by_thread;
  std::atomic<int> begun{0};
  pool.run_stretches(1 << 16, 1, [&](int64_t begin, int64_t end) {
    ++begun;
    while (begun < 2) std::this_thread::yield();
    const std::lock_guard lock(mutex);
    by_thread[std::this_thread::get_id()].emplace_back(begin, end);
  });
  ASSERT_EQ(by_thread.size(), 2u);
  for (const auto& [thread, stretches] : by_thread) {
    const auto& [begin, end] = stretches.front();
    EXPECT_EQ(begin % (1 << 15), 0);
    EXPECT_EQ(end - begin, 1 << 14) << "half of its part";
    int64_t breaks = 0;
    for (size_t i = 1; i < stretches.size(); ++i) breaks += stretches[i].first != stretches[i - 1].second;
    EXPECT_LE(breaks, 17) << "it reads on, until it takes from the other";
  }
}

TEST(ThreadPool, StretchesPassExceptionsOnAndRunInlineInsideABody) {
  ThreadPool pool(3);
  const auto thrower = [](int64_t begin, int64_t) {
    if (begin == 0) throw std::runtime_error("x");
  };
  EXPECT_THROW(pool.run_stretches(100, 1, thrower), std::runtime_error);
  std::atomic<int64_t> inner{0};
  pool.run(4, [&](int64_t) {
    pool.run_stretches(100, 1, [&](int64_t begin, int64_t end) {
      EXPECT_EQ(end - begin, 100);
      inner += end - begin;
    });
  });
  EXPECT_EQ(inner, 400);
  EXPECT_THROW(pool.run_stretches(int64_t{1} << 32, 1, thrower), std::invalid_argument);
}

}  // namespace
}  // namespace whorl::base
