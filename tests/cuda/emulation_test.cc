// Kernels with one planted fault each: what compute-sanitizer finds on a device, the emulation finds here.
#include <gtest/gtest.h>

#include <numeric>

#include "cuda/kernels/matrix.h"
#include "cuda/lists.h"
#include "target/launch.h"

extern "C" int64_t whorl_emulated_waits();
extern "C" int64_t whorl_emulated_launches();
extern "C" int64_t whorl_emulated_uploads();

namespace whorl::cuda {

namespace {
constexpr int kSize = 64;

struct Planted {
  static constexpr int kThreads = kSize;
  Global<float> out;
  int64_t n = kSize;
};

std::shared_ptr<Runtime> runtime() { return Runtime::open(0, ""); }

// What running it twice says (every second launch takes threads and blocks backwards), or "sound".
template <class Kernel>
std::string verdict(Kernel kernel, int64_t shared_bytes = kSize * 4) {
  const auto on = runtime();
  const Scratch memory(*on, kSize * sizeof(float));
  kernel.out = Global<float>(memory.get<float>());
  for (int i = 0; i < 2; ++i) try {
      launch(*on, {2, 1, shared_bytes}, kernel);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  return "sound";
}
bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Reverses 64 numbers through shared memory.
struct Sound : Planted {
  void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(kSize);
    shared[grid.thread()] = static_cast<float>(grid.thread());
    grid.sync();
    out[grid.thread()] = shared[kSize - 1 - grid.thread()];
  }
};
TEST(Emulation, LetsASoundKernelPass) {
  EXPECT_EQ(verdict(Sound()), "sound");
  const auto on = runtime();
  const Scratch memory(*on, kSize * sizeof(float));
  Sound kernel;
  kernel.out = Global<float>(memory.get<float>());
  launch(*on, {1, 1, kSize * 4}, kernel);
  std::vector<float> got(kSize);
  on->to_host(got.data(), kSize * 4, memory.get<float>(), {1, kSize * 4, kSize * 4});
  for (int i = 0; i < kSize; ++i) EXPECT_EQ(got[static_cast<size_t>(i)], static_cast<float>(kSize - 1 - i));
}

struct ForgetsASync : Planted {
  void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(kSize);
    shared[grid.thread()] = 1;
    out[grid.thread()] = shared[grid.thread() / 2];
  }
};
TEST(Emulation, SeesAMissingSync) {
  const std::string said = verdict(ForgetsASync());
  EXPECT_TRUE(says(said, "a sync is missing") || says(said, "read before it was written")) << said;
}

struct WritesTooEarly : Planted {
  void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(kSize);
    shared[grid.thread()] = 1;
    grid.sync();
    const float other = shared[(grid.thread() + 1) % kSize];
    shared[grid.thread()] = other;
    out[grid.thread()] = other;
  }
};
TEST(Emulation, SeesAWriteBesideAReader) {
  EXPECT_TRUE(says(verdict(WritesTooEarly()), "a sync is missing"));
}

struct TrustsTheWarpBeyondItself : Planted {
  void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(kSize);
    shared[grid.thread()] = 1;
    grid.sync_warp();
    out[grid.thread()] = shared[(grid.thread() + 32) % kSize];
  }
};
TEST(Emulation, ASyncOfOneWarpIsNoneForAnother) {
  const std::string said = verdict(TrustsTheWarpBeyondItself());
  EXPECT_TRUE(says(said, "a sync is missing") || says(said, "read before it was written")) << said;
}

struct TrustsTheWarp : Planted {
  void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(kSize);
    shared[grid.thread()] = 1;
    grid.sync_warp();
    out[grid.thread()] = shared[grid.thread() ^ 1];
  }
};
TEST(Emulation, ASyncOfAWarpIsEnoughWithinIt) { EXPECT_EQ(verdict(TrustsTheWarp()), "sound"); }

struct RunsOverSharedMemory : Planted {
  void operator()(Grid& grid) const {
    const auto shared = grid.shared<float>(kSize - 1);
    shared[grid.thread()] = 1;
  }
};
TEST(Emulation, SeesTheEndOfSharedMemory) {
  EXPECT_TRUE(says(verdict(RunsOverSharedMemory()), "element 63 of shared memory of 63"));
  EXPECT_TRUE(says(verdict(Sound(), kSize * 4 - 16), "launched with 240"));
}

struct ReadsWhatNobodyWrote : Planted {
  void operator()(Grid& grid) const { out[grid.thread()] = grid.shared<float>(kSize)[grid.thread()]; }
};
TEST(Emulation, SeesFreshSharedMemory) {
  EXPECT_TRUE(says(verdict(ReadsWhatNobodyWrote()), "read before it was written"));
}

struct MeetsApart : Planted {
  void operator()(Grid& grid) const {
    if (grid.thread() < 40) grid.sync();
  }
};
TEST(Emulation, SeesThreadsThatDoNotCome) { EXPECT_TRUE(says(verdict(MeetsApart()), "do not meet")); }

struct MeetsElsewhere : Planted {
  void operator()(Grid& grid) const {
    if (grid.thread() < 32)
      grid.sync();
    else
      grid.sync();
  }
};
TEST(Emulation, SeesThreadsThatMeetElsewhere) { EXPECT_TRUE(says(verdict(MeetsElsewhere()), "do not meet")); }

struct ShufflesHalfAWarp : Planted {
  void operator()(Grid& grid) const {
    if (grid.lane() < 16) out[grid.thread()] = grid.shuffle_xor(1.0f, 1);
  }
};
TEST(Emulation, SeesAHalfWarpShuffle) {
  EXPECT_TRUE(says(verdict(ShufflesHalfAWarp()), "of a warp do not meet"));
}

struct MultipliesWithoutOneLane : Planted {
  void operator()(Grid& grid) const {
    float c[4] = {};
    const uint32_t a[4] = {}, b[2] = {};
    if (grid.lane() != 7) grid.mma(c, a, b);
    out[grid.thread()] = c[0];
  }
};
TEST(Emulation, SeesALaneThatDoesNotMultiply) {
  EXPECT_TRUE(says(verdict(MultipliesWithoutOneLane()), "thread 7 has ended"))
      << verdict(MultipliesWithoutOneLane());
}

struct OffByOne : Planted {
  void operator()(Grid& grid) const {
    if (grid.thread() <= n) out[grid.thread() + 1] = 0;
  }
};
TEST(Emulation, SeesTheEndOfGlobalMemory) {
  EXPECT_TRUE(says(verdict(OffByOne()), "byte 256 of an allocation of 256 bytes"));
}

TEST(Emulation, KernelsSeeTheDevicesMemoryOnly) {
  float host = 0;
  Sound kernel;
  kernel.out = Global<float>(&host);
  EXPECT_THROW(launch(*runtime(), {1, 1, kSize * 4}, kernel), std::runtime_error);
}

TEST(EmulationDeathTest, TheHostDoesNotSeeTheDevices) {
  const auto on = runtime();
  const Scratch memory(*on, 64);
  EXPECT_DEATH(*memory.get<volatile float>() = 1, "");
}

TEST(Emulation, SumsOfAWarpAreInOneOrder) {
  struct Kernel : Planted {
    void operator()(Grid& grid) const {
      out[grid.thread()] = warp_sum(grid, static_cast<float>(grid.lane()));
    }
  } kernel;
  const auto on = runtime();
  const Scratch memory(*on, kSize * 4);
  kernel.out = Global<float>(memory.get<float>());
  launch(*on, {1, 1, 0}, kernel);
  std::vector<float> got(kSize);
  on->to_host(got.data(), kSize * 4, memory.get<float>(), {1, kSize * 4, kSize * 4});
  for (const float x : got) EXPECT_EQ(x, 496.0f);
}

// Fragments as the manual of PTX has them for m16n8k16: a [16, 16], b [16, 8] and c [16, 8] lie row by row in
// `numbers`, the result replaces c.
struct MultipliesFragments {
  static constexpr int kThreads = 32, kA = 0, kB = 256, kC = 384, kNumbers = 512;
  Global<float> numbers;
  void operator()(Grid& grid) const {
    const int g = grid.lane() / 4, t = grid.lane() % 4;
    const auto pair = [&](int first, int second) { return bfloat16_pair(numbers[first], numbers[second]); };
    const auto of_a = [&](int row, int k) { return pair(kA + row * 16 + k, kA + row * 16 + k + 1); };
    const auto of_b = [&](int k, int n) { return pair(kB + k * 8 + n, kB + (k + 1) * 8 + n); };
    const uint32_t a[4] = {of_a(g, 2 * t), of_a(g + 8, 2 * t), of_a(g, 2 * t + 8), of_a(g + 8, 2 * t + 8)};
    const uint32_t b[2] = {of_b(2 * t, g), of_b(2 * t + 8, g)};
    float c[4];
    for (int i = 0; i < 4; ++i) c[i] = numbers[kC + (g + i / 2 * 8) * 8 + 2 * t + i % 2];
    grid.mma(c, a, b);
    for (int i = 0; i < 4; ++i) numbers[kC + (g + i / 2 * 8) * 8 + 2 * t + i % 2] = c[i];
  }
};
TEST(Emulation, MultipliesAsThreeLoopsDo) {
  std::vector<float> numbers(MultipliesFragments::kNumbers), got(128);
  uint32_t state = 1;  // whole numbers, so that sums are exact in any order
  for (float& x : numbers) x = static_cast<float>((state = state * 1664525 + 1013904223) >> 24) - 128;
  const auto on = runtime();
  const Scratch memory(*on, numbers.size() * 4);
  on->to_device(memory.get<void>(), 2048, numbers.data(), {1, 2048, 2048});
  MultipliesFragments kernel;
  kernel.numbers = Global<float>(memory.get<float>());
  launch(*on, {1, 1, 0}, kernel);
  on->to_host(got.data(), 512, memory.get<float>() + MultipliesFragments::kC, {1, 512, 512});
  for (size_t i = 0; i < 16; ++i)
    for (size_t j = 0; j < 8; ++j) {
      float sum = numbers[MultipliesFragments::kC + i * 8 + j];
      for (size_t k = 0; k < 16; ++k)
        sum += numbers[i * 16 + k] * numbers[MultipliesFragments::kB + k * 8 + j];
      EXPECT_EQ(got[i * 8 + j], sum) << i << " " << j;
    }
}

// The same of bytes, m16n8k32: a [16, 32], b [32, 8] as bytes row by row, c [16, 8] int32.
struct MultipliesBytes {
  static constexpr int kThreads = 32;
  Global<const int8_t> a, b;
  Global<int> c;
  void operator()(Grid& grid) const {
    const int g = grid.lane() / 4, t = grid.lane() % 4;
    const auto word = [](const auto& byte) {
      uint32_t out = 0;
      for (int i = 0; i < 4; ++i) out |= static_cast<uint32_t>(static_cast<uint8_t>(byte(i))) << (8 * i);
      return out;
    };
    const auto of_a = [&](int row, int k) { return word([&](int i) { return a[row * 32 + k + i]; }); };
    const auto of_b = [&](int k, int n) { return word([&](int i) { return b[(k + i) * 8 + n]; }); };
    const uint32_t left[4] = {of_a(g, 4 * t), of_a(g + 8, 4 * t), of_a(g, 4 * t + 16),
                              of_a(g + 8, 4 * t + 16)};
    const uint32_t right[2] = {of_b(4 * t, g), of_b(4 * t + 16, g)};
    int sums[4];
    for (int i = 0; i < 4; ++i) sums[i] = c[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
    grid.mma(sums, left, right);
    for (int i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sums[i];
  }
};
TEST(Emulation, MultipliesBytesAsThreeLoopsDo) {
  std::vector<int8_t> a(512), b(256);
  std::vector<int> c(128), got(128);
  uint32_t state = 1;
  const auto random = [&] { return (state = state * 1664525 + 1013904223) >> 24; };
  for (int8_t& x : a) x = static_cast<int8_t>(random());
  for (int8_t& x : b) x = static_cast<int8_t>(random());
  for (int& x : c) x = static_cast<int>(random()) << 20;
  const auto on = runtime();
  const Uploaded<int8_t> of_a(*on, a), of_b(*on, b);
  const Uploaded<int> of_c(*on, c);
  MultipliesBytes kernel;
  kernel.a = Global<const int8_t>(of_a.get()), kernel.b = Global<const int8_t>(of_b.get());
  kernel.c = Global<int>(const_cast<int*>(of_c.get()));
  launch(*on, {1, 1, 0}, kernel);
  on->to_host(got.data(), 512, of_c.get(), {1, 512, 512});
  for (size_t i = 0; i < 16; ++i)
    for (size_t j = 0; j < 8; ++j) {
      int sum = c[i * 8 + j];
      for (size_t k = 0; k < 32; ++k) sum += a[i * 32 + k] * b[k * 8 + j];
      EXPECT_EQ(got[i * 8 + j], sum) << i << " " << j;
    }
}

TEST(Emulation, RoundsPairsToTheNearest) {
  EXPECT_EQ(bfloat16_pair(1.0f, -2.0f), 0xc0003f80u);
  EXPECT_EQ(bfloat16_pair(1.00390625f, 1.01171875f), 0x3f823f80u);  // halfway: to the even one
  const uint32_t odd = bfloat16_pair(NAN, INFINITY);
  EXPECT_EQ(odd >> 16, 0x7f80u);
  EXPECT_GT(odd & 0x7fffu, 0x7f80u);
}

// Sums of N numbers at once against those of one after another: what differs is counted.
template <int N>
struct SumsAtOnce : Planted {
  void operator()(Grid& grid) const {
    float x[N], wanted = 0;
    for (int i = 0; i < N; ++i)
      x[i] = 1.0f / static_cast<float>(1 + grid.lane() * 7 % 31 + i * i) - 0.1f * static_cast<float>(i % 3);
    const float got = warp_sums(grid, x);
    for (int i = 0; i < N; ++i) {
      const float sum = warp_sum(grid, x[i]);
      if (grid.lane() / (32 / N) == i) wanted = sum;
    }
    out[grid.thread()] = got == wanted ? 1.0f : 0.0f;
  }
};
template <int N>
float right_sums() {
  const auto on = runtime();
  const Scratch memory(*on, kSize * sizeof(float));
  SumsAtOnce<N> kernel;
  kernel.out = Global<float>(memory.get<float>());
  launch(*on, {1, 1, 0}, kernel);
  std::vector<float> got(kSize);
  on->to_host(got.data(), kSize * 4, memory.get<float>(), {1, kSize * 4, kSize * 4});
  return std::accumulate(got.begin(), got.end(), 0.0f);
}
TEST(Emulation, SumsOfManyNumbersHaveTheBitsOfEach) {
  EXPECT_EQ(right_sums<1>(), kSize);
  EXPECT_EQ(right_sums<4>(), kSize);
  EXPECT_EQ(right_sums<32>(), kSize);
}

struct alignas(8) Pair {
  float x, y;
};
struct ReadsAcrossItsPlace : Planted {
  void operator()(Grid& grid) const {
    const Global<const Pair> pairs(reinterpret_cast<const Pair*>(out.raw() + 1));
    out[grid.thread()] = pairs[0].x;
  }
};
TEST(Emulation, CatchesANumberThatIsNotInItsPlace) {
  EXPECT_TRUE(says(verdict(ReadsAcrossItsPlace()), "byte 4 of an allocation where a multiple of 8"));
}

TEST(Emulation, CountsLaunchesAndUploads) {
  const auto on = runtime();
  const Scratch memory(*on, kSize * sizeof(float));
  const char host[8] = {};
  const int64_t launches = whorl_emulated_launches(), uploads = whorl_emulated_uploads();
  EXPECT_EQ(verdict(Sound()), "sound");
  on->to_device(memory.get<void>(), 8, host, {1, 8, 8});
  on->to_device(memory.get<void>(), 8, host, {0, 8, 8});
  EXPECT_EQ(whorl_emulated_launches(), launches + 2);
  EXPECT_EQ(whorl_emulated_uploads(), uploads + 1);
}

TEST(Emulation, CountsWhatTheHostWaitsFor) {
  const auto on = runtime();
  const auto large = static_cast<int64_t>(Runtime::kStaged) + 1, small = large - 1;
  std::vector<char> host(static_cast<size_t>(large));
  const Scratch memory(*on, host.size());
  const int64_t before = whorl_emulated_waits();
  on->to_device(memory.get<void>(), small, host.data(), {1, small, small});
  on->zero(memory.get<void>(), {1, large, large});
  on->to_host(host.data(), 0, memory.get<void>(), {1, 0, 0});
  EXPECT_EQ(whorl_emulated_waits(), before);
  on->to_device(memory.get<void>(), large, host.data(), {1, large, large});
  on->to_host(host.data(), 8, memory.get<void>(), {1, 8, 8});
  on->wait();
  EXPECT_EQ(whorl_emulated_waits(), before + 3);
}

}  // namespace
}  // namespace whorl::cuda
