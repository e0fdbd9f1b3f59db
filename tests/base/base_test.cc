// Hashes, checked sizes, random numbers, the log, the thread pool.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>

#include "base/checked.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread_pool.h"

namespace whorl::base {
namespace {

// Vectors of FIPS 180-4's examples and of the xxHash project's own check.
TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256().update("a").update("bc").hex(), sha256_hex("abc"));
  EXPECT_EQ(xxh3_64(""), 0x2d06800538d394c2ull);
  EXPECT_NE(xxh3_64("a", 1), xxh3_64("a", 2));
  EXPECT_NE(xxh3_128("a"), xxh3_128("b"));
  EXPECT_TRUE(is_sha256_hex(sha256_hex("x")));
  EXPECT_FALSE(is_sha256_hex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
}

TEST(CheckedSize, RefusesToWrap) {
  const CheckedSize big(UINT64_MAX);
  EXPECT_THROW(big + 1, std::invalid_argument);
  EXPECT_THROW(CheckedSize(0) - 1, std::invalid_argument);
  EXPECT_THROW(CheckedSize(uint64_t{1} << 33) * (uint64_t{1} << 31), std::invalid_argument);
  EXPECT_THROW(CheckedSize::from_signed(-1), std::invalid_argument);
  EXPECT_EQ((CheckedSize(6) * 7 + 1 - 3).value(), 40u);
  EXPECT_LT(CheckedSize(1), CheckedSize(2));
}

TEST(Random, IsAFunctionOfItsKeyAndIndex) {
  EXPECT_EQ(random_bits(derive(1, 2), 3), random_bits(derive(1, 2), 3));
  EXPECT_NE(derive(1, 2), derive(2, 1));
  double sum = 0, square = 0, mean = 0;
  const uint64_t key = derive(5, 0);
  constexpr int n = 100'000;
  for (uint64_t i = 0; i < n; ++i) {
    const double z = normal(key, i), u = uniform(key, i);
    sum += z;
    square += z * z;
    mean += u;
    ASSERT_TRUE(u >= 0 && u < 1);
    ASSERT_LT(below(key, i, 7), 7u);
  }
  EXPECT_NEAR(sum / n, 0, 0.02);
  EXPECT_NEAR(square / n, 1, 0.03);
  EXPECT_NEAR(mean / n, 0.5, 0.01);
}

TEST(Log, IsSilentUntilAsked) {
  std::vector<std::string> lines;
  log(LogLevel::error, "nobody listens");
  set_log_sink(
      [&](LogLevel level, std::string_view text) { lines.push_back(concat(name_of(level), " ", text)); },
      LogLevel::info);
  log(LogLevel::debug, "too small");
  log(LogLevel::warn, "seen ", 3, " times {}");
  set_log_sink({});
  log(LogLevel::error, "nobody listens again");
  EXPECT_EQ(lines, std::vector<std::string>{"warn seen 3 times {}"});
}

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

}  // namespace
}  // namespace whorl::base
