// What a capture refuses, when a graph may be updated, and what two calls have in common.
#include <cstddef>
#include <thread>

#include "cuda/kernels/lora.h"
#include "cuda/kernels/quantised_product.h"
#include "cuda/repeats_harness.h"

namespace whorl::cuda {

namespace {
using namespace testing;  // whorl::cuda::testing

struct Captured {
  std::shared_ptr<Runtime> runtime = Runtime::open(0, "");
  Scratch memory{*runtime, kBytes};

  std::unique_ptr<Graph> doubles(int times, std::unique_ptr<Graph> known = nullptr) {
    return runtime->capture(std::move(known), [&] {
      for (int i = 0; i < times; ++i) launch(*runtime, {1, 1, 0}, Double{Global<int>(memory.get<int>())});
    });
  }
  std::string refusal(const std::function<void(Runtime&)>& asked) {
    try {
      runtime->capture(nullptr, [&] { asked(*runtime); });
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }
};

TEST(Captures, RefuseWhatCudaWould) {
  Captured c;
  char host[4] = {};
  void* const memory = c.memory.get<void>();
  const auto refuses = [&](const std::string& what, const std::function<void(Runtime&)>& asked) {
    EXPECT_EQ(c.refusal(asked),
              "[emulation] expected launches, products, copies and zeroing alone while work is "
              "captured, got " +
                  what);
  };
  refuses("an allocation", [](Runtime& r) { r.allocate(4); });
  refuses("a release of memory", [](Runtime& r) { r.release(nullptr); });
  refuses("a copy to the device", [&](Runtime& r) { r.to_device(memory, 4, host, {1, 4, 4}); });
  refuses("a copy to the host", [&](Runtime& r) { r.to_host(host, 4, memory, {1, 4, 4}); });
  refuses("a wait for the queue", [](Runtime& r) { r.wait(); });
  refuses("a question about the queue", [](Runtime& r) { r.done(); });
  refuses("the queue itself", [](Runtime& r) { r.queue(); });
  refuses("another capture", [](Runtime& r) { r.capture(nullptr, [] {}); });
  const auto graph = c.doubles(1);
  refuses("a graph's launch", [&](Runtime& r) { r.launch_graph(*graph); });
  EXPECT_EQ(c.refusal([&](Runtime& r) { r.zero(memory, {1, kBytes, kBytes}); }), "");
}

// Another thread's work is its own meanwhile.
TEST(Captures, AreOfOneThread) {
  Captured c;
  const Since since;
  c.runtime->capture(nullptr, [&] {
    std::thread([&] {
      c.runtime->zero(c.memory.get<void>(), {1, kBytes, kBytes});
      launch(*c.runtime, {1, 1, 0}, Double{Global<int>(c.memory.get<int>())});
      c.runtime->wait();
    }).join();
  });
  EXPECT_EQ(since.launches(), 1);
}

TEST(Captures, DoNothingUntilTheirGraphIsLaunched) {
  Captured c;
  const std::vector<int> ones(kSize, 1);
  c.runtime->to_device(c.memory.get<void>(), kBytes, ones.data(), {1, kBytes, kBytes});
  const auto graph = c.doubles(3);
  int got[kSize];
  const auto read = [&] {
    c.runtime->to_host(got, kBytes, c.memory.get<void>(), {1, kBytes, kBytes});
    return got[0];
  };
  EXPECT_EQ(read(), 1);
  c.runtime->launch_graph(*graph);
  EXPECT_EQ(read(), 8);
  c.runtime->launch_graph(*graph);
  EXPECT_EQ(read(), 64);
}

TEST(Captures, UpdateAGraphOfTheSameNodesAlone) {
  Captured c;
  auto graph = c.doubles(2);
  const Since since;
  graph = c.doubles(2, std::move(graph));
  EXPECT_EQ(since.updates(), 1);
  EXPECT_EQ(since.made(), 0);
  graph = c.doubles(3, std::move(graph));
  EXPECT_EQ(since.updates(), 1);
  EXPECT_EQ(since.made(), 1);
}

TEST(Captures, KeepNoMemoryAlive) {
  const auto runtime = Runtime::open(0, "");
  auto memory = std::make_unique<Scratch>(*runtime, kBytes);
  runtime->zero(memory->get<void>(), {1, kBytes, kBytes});
  const auto graph = runtime->capture(
      nullptr, [&] { launch(*runtime, {1, 1, 0}, Double{Global<int>(memory->get<int>())}); });
  runtime->launch_graph(*graph);
  memory.reset();
  EXPECT_THROW(runtime->launch_graph(*graph), std::runtime_error);
}

TEST(Calls, OfTheSameArgumentsAreTheSame) {
  const auto calls_of = [](const auto&... kernels) {
    Calls calls;
    (write_down(calls, {1, 1, 0}, kernels), ...);
    return calls;
  };
  AddList one, two;
  one.x = 1, two.x = 2;
  const Calls known = calls_of(one, Double{});
  EXPECT_TRUE(known.same(calls_of(one, Double{})));
  EXPECT_FALSE(known.same(calls_of(two, Double{})));
  EXPECT_TRUE(known.alike(calls_of(two, Double{})));
  for (const Calls& other : {calls_of(one), calls_of(one, Double{}, one), calls_of(one, one), Calls()}) {
    EXPECT_FALSE(known.alike(other));
    EXPECT_FALSE(other.alike(known));
    EXPECT_FALSE(known.same(other));
  }
}

TEST(Calls, KnowNothingOfWhatLiesBetweenMembers) {
#if __has_builtin(__builtin_clear_padding)
  AddList kernel;
  kernel.nothing = true;
  unsigned char* const bytes = reinterpret_cast<unsigned char*>(&kernel);
  const size_t begin = offsetof(AddList, nothing) + 1, end = offsetof(AddList, x);
  ASSERT_LT(begin, end);
  std::fill(bytes + begin, bytes + end, static_cast<unsigned char>(0xee));
  clear_padding(&kernel);
  EXPECT_TRUE(std::all_of(bytes + begin, bytes + end, [](unsigned char byte) { return byte == 0; }));
  EXPECT_TRUE(kernel.nothing);
#else
  GTEST_SKIP() << "a compiler that cannot tell them";
#endif
}

// Nor is anything else cleared, whatever stands before the padding: GCC 12 gets it wrong behind arrays.
template <class Call>
struct Padded {
  Call call;  // without padding
  bool last = true;
};
template <class Call>
void expect_members_kept() {
  alignas(16) unsigned char bytes[sizeof(Padded<Call>)];
  std::fill(std::begin(bytes), std::end(bytes), static_cast<unsigned char>(0xee));
  clear_padding(reinterpret_cast<Padded<Call>*>(bytes));
  for (size_t i = 0; i <= sizeof(Call); ++i) ASSERT_EQ(bytes[i], 0xee) << i;
}
TEST(Calls, KeepAllMembers) {
  expect_members_kept<LoraCall>();
  expect_members_kept<QuantisedCall>();
}

}  // namespace
}  // namespace whorl::cuda
