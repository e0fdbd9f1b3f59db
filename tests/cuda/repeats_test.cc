// Work that comes again, over a kernel of a few lines: what is queued one by one, captured, brought up to
// date and launched as a graph, always with the same results.
#include <thread>

#include "cuda/emulated/device_memory.h"
#include "cuda/repeats_harness.h"

namespace whorl::cuda {

namespace {
using namespace testing;  // whorl::cuda::testing

TEST(Repeats, AreCapturedWhenTheyCameTwiceAndThenLaunchedAsTheyAre) {
  Device d;
  for (int i = 0; i < 3; ++i) {  // without room, written down, captured
    const Since since;
    EXPECT_EQ(d.repeated(7, i + 1), 2 * i + 2);
    EXPECT_EQ(since.launches(), i < 2 ? 2 : 0) << i;
    EXPECT_EQ(since.graphs(), i < 2 ? 0 : 1) << i;
    EXPECT_EQ(since.made(), i < 2 ? 0 : 1) << i;
  }
  for (int i = 0; i < 5; ++i) {  // other lists
    const Since since;
    EXPECT_EQ(d.repeated(7, 10 * i), 20 * i);
    EXPECT_EQ(since.launches() + since.captures(), 0) << i;
    EXPECT_EQ(since.graphs(), 1);
    EXPECT_EQ(since.uploads(), 1);
  }
  const Since since;
  EXPECT_EQ(d.repeated(7, 40), 80);  // the same list: not even that
  EXPECT_EQ(since.uploads(), 0);
}

TEST(Repeats, AreBroughtUpToDateWhereArgumentsChange) {
  Device d;
  for (int i = 0; i < 4; ++i) d.repeated(7, i);
  const Since since;
  EXPECT_EQ(d.repeated(7, 1, 5), 7);
  EXPECT_EQ(since.captures(), 1);
  EXPECT_EQ(since.updates(), 1);
  EXPECT_EQ(since.made() + since.launches(), 0);
  EXPECT_EQ(d.repeated(7, 2, 5), 9);
  EXPECT_EQ(since.captures(), 1);
  EXPECT_EQ(since.graphs(), 2);
}

TEST(Repeats, OfOtherCallsAreQueuedOnceAndCapturedAnew) {
  Device d;
  for (int i = 0; i < 4; ++i) d.repeated(7, i);
  const Since since;
  for (int i = 0; i < 3; ++i) {
    d.repeats.run(7, [&] { d.twice_body(i); });
    EXPECT_EQ(d.result(), 4 * i);
  }
  EXPECT_EQ(since.launches(), 3);
  EXPECT_EQ(since.captures(), 1);
  EXPECT_EQ(since.made(), 1);
  EXPECT_EQ(since.graphs(), 2);
}

// Who reads a number in between gets it, and is not written down again.
TEST(Repeats, ThatWaitGoOnAsTheyCome) {
  Device d;
  for (int i = 0; i < 6; ++i) d.repeated(7, i);
  const Since since;
  for (int i = 0; i < 4; ++i) {
    int between = 0;
    const Since now;
    d.repeats.run(8, [&] {
      d.body(i);
      EXPECT_EQ(now.launches(), i == 0 ? 0 : 2);
      between = d.result();
      launch(*d.runtime, {1, 1, 0}, Double{Global<int>(d.out.get<int>())});
    });
    EXPECT_EQ(between, 2 * i);
    EXPECT_EQ(d.result(), 4 * i);
  }
  EXPECT_EQ(since.launches(), 12);
  EXPECT_EQ(since.captures(), 0);
}

// An upload, a wait, and whoever wants the queue itself come after what was asked for before them.
TEST(Repeats, KeepTheOrderOfWhatCannotBeWrittenDown) {
  Device d;
  for (int i = 0; i < 4; ++i) d.repeated(7, 1);
  const std::vector<int> five(kSize, 5), zero(kSize, 0);
  d.repeats.run(8, [&] {
    d.body(1);
    d.runtime->to_device(d.in.get<void>(), kBytes, five.data(), {1, kBytes, kBytes});
  });
  EXPECT_EQ(d.result(), 2);
  d.runtime->to_device(d.in.get<void>(), kBytes, zero.data(), {1, kBytes, kBytes});
  int key = 9;
  for (const auto& asks : std::vector<std::function<void()>>{
           [&] { d.runtime->wait(); }, [&] { d.runtime->queue(); }, [&] { d.runtime->done(); }}) {
    const Since since;
    d.repeats.run(static_cast<uint64_t>(key++), [&] {
      d.body(1);
      EXPECT_EQ(since.launches(), 0);
      asks();
      EXPECT_EQ(since.launches(), 2);
    });
  }
}

TEST(Repeats, ZeroAndCopyInTheirTurn) {
  Device d;
  for (int i = 0; i < 6; ++i) {
    const std::vector<int> list(kSize, i);
    const Since since;
    d.repeats.run(7, [&] {
      d.add(d.in.get<int>(), list, d.out.get<int>());
      d.runtime->zero(d.out.get<void>(), {1, kBytes, kBytes});
      d.add(d.out.get<int>(), list, d.out.get<int>());
      d.runtime->copy(d.out.get<void>(), kBytes, d.out.get<void>(), {1, kBytes, kBytes});
      d.add(d.out.get<int>(), list, d.out.get<int>());
    });
    EXPECT_EQ(d.result(), 2 * i);
    EXPECT_EQ(since.graphs(), i < 2 ? 0 : 1);
  }
}

TEST(Repeats, LeaveNothingOfABodyThatThrows) {
  Device d;
  for (int i = 0; i < 4; ++i) d.repeated(7, 1);
  const Since since;
  EXPECT_THROW(d.repeats.run(7,
                             [&] {
                               d.body(100);
                               throw std::invalid_argument("planted");
                             }),
               std::invalid_argument);
  EXPECT_EQ(since.launches() + since.graphs(), 0);
  EXPECT_EQ(d.result(), 2);
  EXPECT_EQ(d.repeated(7, 3), 6);
  EXPECT_EQ(since.graphs(), 1);
}

TEST(Repeats, WhoseCaptureFailsAreQueuedOneByOne) {
  Device d;
  setenv("WHORL_EMULATED_CAPTURES", "refused", 1);
  const Since since;
  for (int i = 0; i < 6; ++i) EXPECT_EQ(d.repeated(7, i), 2 * i);
  unsetenv("WHORL_EMULATED_CAPTURES");
  EXPECT_EQ(since.captures(), 1);  // not tried again
  EXPECT_EQ(since.launches(), 12);
  EXPECT_EQ(since.graphs(), 0);
}

// Memory that a body gives back is still what its calls use, and then somebody else's.
TEST(Repeats, HoldWhatIsReleasedMeanwhile) {
  Device d;
  for (int i = 0; i < 4; ++i) d.repeated(7, 1);
  const size_t free = emulated::memory_available();
  for (int i = 0; i < 4; ++i) {
    d.repeats.run(8, [&] {
      int* const own = static_cast<int*>(d.runtime->allocate(kBytes));
      const std::vector<int> list(kSize, i);
      d.add(d.in.get<int>(), list, own);
      d.add(own, list, d.out.get<int>());
      d.runtime->release(own);
    });
    EXPECT_EQ(d.result(), 2 * i);
    EXPECT_EQ(emulated::memory_available(), free);
  }
}

TEST(Repeats, OfManyKeysAreForgottenInTheOrderOfUse) {
  Device d;
  const auto round = [&](uint64_t keys) {
    for (uint64_t key = 0; key < keys; ++key) {
      const int x = static_cast<int>(key);
      EXPECT_EQ(d.repeated(key, x, x), 3 * x) << key;
    }
  };
  for (int i = 0; i < 3; ++i) round(Repeats::kKept);
  const size_t free = emulated::memory_available();
  {
    const Since since;
    round(Repeats::kKept);
    EXPECT_EQ(since.graphs(), static_cast<int64_t>(Repeats::kKept));
    EXPECT_EQ(since.launches() + since.captures(), 0);
  }
  const Since since;
  for (int i = 0; i < 3; ++i) round(Repeats::kKept + 1);  // one too many: each is the one used longest ago
  EXPECT_LE(since.graphs(), static_cast<int64_t>(Repeats::kKept));
  EXPECT_EQ(since.captures(), 0);
  EXPECT_EQ(emulated::memory_available(), free);
}

TEST(Repeats, WithinOthersArePartsOfThem) {
  Device d;
  for (int i = 0; i < 4; ++i) {
    const Since since;
    d.repeats.run(7, [&] {
      d.repeats.run(7, [&] { d.body(i); });
      launch(*d.runtime, {1, 1, 0}, Double{Global<int>(d.out.get<int>())});
    });
    EXPECT_EQ(d.result(), 4 * i);
    EXPECT_EQ(since.graphs(), i < 2 ? 0 : 1);
  }
}

// What a body asks of another device is not its own device's.
TEST(Repeats, KnowTheirRuntime) {
  Device d, other;
  for (int i = 0; i < 4; ++i) {
    const Since since;
    d.repeats.run(7, [&] {
      d.body(i);
      EXPECT_EQ(other.repeated(7, i + 1), 2 * i + 2);
      launch(*d.runtime, {1, 1, 0}, Double{Global<int>(d.out.get<int>())});
    });
    EXPECT_EQ(d.result(), 4 * i);
    EXPECT_EQ(since.graphs(), i < 2 ? 0 : 2);
  }
}

TEST(Repeats, OfSeveralThreadsHaveAPlaceEach) {
  Device d;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const Scratch mine(*d.runtime, kBytes);
      for (int i = 0; i < 200; ++i) {
        const std::vector<int> list(kSize, 1000 * t + i);
        d.repeats.run(static_cast<uint64_t>(t / 2), [&] {  // two threads with each key
          const Scratch borrowed(*d.runtime, kBytes);
          d.add(d.in.get<int>(), list, borrowed.get<int>());
          d.add(borrowed.get<int>(), list, mine.get<int>());
        });
        int got[kSize];
        d.runtime->to_host(got, kBytes, mine.get<void>(), {1, kBytes, kBytes});
        for (const int x : got) wrong += x != 2 * (1000 * t + i);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// Whoever comes first: addresses stay what they were.
TEST(Repeats, FindTheirOwnPlaceAgain) {
  Device d;
  const auto both = [&](uint64_t first, uint64_t second) {
    d.repeats.run(first, [&] {
      std::thread([&] { d.repeats.run(second, [&] { d.body(3); }); }).join();
      d.body(3);
    });
  };
  for (int i = 0; i < 4; ++i) both(1, 2);
  const Since since;
  both(2, 1);
  EXPECT_EQ(since.captures(), 0);
  EXPECT_EQ(since.graphs(), 2);
}

}  // namespace
}  // namespace whorl::cuda
