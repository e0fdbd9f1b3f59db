// How large an engine makes its cache, from what it is told of memory.
#include "serve/cache_size.h"

#include "serve/engine_fixture.h"

namespace whorl {
namespace {

constexpr size_t kPage = 16 * 4;  // of the fake
constexpr size_t kMebi = size_t{1} << 20;

// Says what it is given to say.
class Measured : public testing::FakeTransformer {
 public:
  Measured(int64_t context, model::StepMemory memory) : FakeTransformer(40, context), memory_(memory) {}
  model::StepMemory step_memory(const model::StepLimits& limits) const override {
    asked = limits;
    return memory_;
  }
  mutable model::StepLimits asked;

 private:
  model::StepMemory memory_;
};

serve::CacheSize size_of(int64_t context, const model::StepMemory& memory,
                         const EngineOptions& options = {}) {
  return serve::cache_size(Measured(context, memory), options);
}

TEST(CacheSize, OnTheHostIsAQuarterOfWhatIsLeft) {
  const auto size = size_of(1 << 24, {100 * kMebi, ops::MemoryNow{900 * kMebi, 0, 0}});
  EXPECT_EQ(size.bytes(), 200 * kMebi);
  EXPECT_EQ(size.page_bytes, kPage);
  EXPECT_EQ(size.step_bytes, 100 * kMebi);
  EXPECT_EQ(size.free_bytes, 900 * kMebi);
  EXPECT_NE(size.reason.find("a quarter of what 943718400 available bytes leave beside 104857600"),
            std::string::npos)
      << size.reason;
}

TEST(CacheSize, OfRanksIsTheirShareOfThat) {
  const auto size = size_of(1 << 24, {100 * kMebi, ops::MemoryNow{900 * kMebi, 0, 0}, 2});
  EXPECT_EQ(size.bytes(), 100 * kMebi);
  EXPECT_NE(size.reason.find("2 ranks"), std::string::npos) << size.reason;
}

// Other things give way on a host; and its cache takes no memory before it is filled.
TEST(CacheSize, OnTheHostIsNeverTooSmallToWork) {
  for (const size_t free : {size_t{0}, 50 * kMebi, 150 * kMebi})
    EXPECT_EQ(size_of(1 << 24, {100 * kMebi, ops::MemoryNow{free, 0, 0}}).bytes(), 64 * kMebi) << free;
}

TEST(CacheSize, IsWhatItWasWhereNobodyCanTell) {
  const auto size = size_of(1 << 24, {});
  EXPECT_EQ(size.bytes(), 512 * kMebi);
  EXPECT_EQ(size.free_bytes, 0u);
}

TEST(CacheSize, IsNoLargerThanCanBeUsed) {
  EngineOptions options;
  options.max_batch_size = 3;
  const auto size = size_of(250, {0, ops::MemoryNow{900 * kMebi, 0, 0}}, options);
  EXPECT_EQ(size.pages, 3 * 16);
  EXPECT_NE(size.reason.find("3 sequences (max_batch_size) of 250"), std::string::npos) << size.reason;
  options.kv_cache_bytes = 48 * kPage;
  EXPECT_EQ(size_of(250, {}, options).pages, 48);
  options.kv_cache_bytes = 47 * kPage + 1;
  EXPECT_EQ(size_of(250, {}, options).pages, 47);
  EXPECT_EQ(size_of(250, {}, options).reason, "kv_cache_bytes");
}

TEST(CacheSize, ForeseesTheLargestStep) {
  EngineOptions options;
  options.max_batch_size = 5, options.max_step_tokens = 70, options.page_size = 8;
  const Measured asked(1000, {});
  serve::cache_size(asked, options);
  EXPECT_EQ(asked.asked.rows, 75);
  EXPECT_EQ(asked.asked.logits, 75);
  EXPECT_EQ(asked.asked.sequences, 5);
  EXPECT_EQ(asked.asked.positions, 1000);
  EXPECT_EQ(asked.asked.page_size, 8);
}

TEST(CacheSize, IsSaidByTheEngine) {
  const auto fake = std::make_shared<Measured>(256, model::StepMemory{7, ops::MemoryNow{9 * kMebi, 0, 0}});
  InferenceEngine engine(testing::model_over(fake), EngineOptions{.kv_cache_bytes = 5 * kPage});
  const EngineStats stats = engine.stats();
  EXPECT_EQ(stats.pages_total, 5);
  EXPECT_EQ(stats.kv_cache_bytes, 5 * kPage);
  EXPECT_EQ(stats.kv_cache_tokens, 80);
  EXPECT_EQ(stats.kv_cache_reason, "kv_cache_bytes");
  EXPECT_EQ(stats.step_bytes, 7u);
  EXPECT_EQ(stats.free_bytes, 9 * kMebi);
}

// The rank whose share decides is not the one with the least memory, nor the one with the largest steps.
TEST(StepMemory, OfRanksIsThatOfTheOneWithLeastToSpare) {
  const auto of = [](size_t steps, size_t free) {
    return model::StepMemory{steps, ops::MemoryNow{free, 3, 4}};
  };
  const model::StepMemory ranks[] = {of(1, 50), of(60, 100), of(70, 150)};
  const auto least = model::least_to_spare(ranks);
  EXPECT_EQ(least.steps, 60u);
  EXPECT_EQ(least.now->free, 100u);
  EXPECT_EQ(least.now->paged, 3u);
  EXPECT_EQ(least.now->expected, 4u);
  EXPECT_EQ(least.ranks, 3);
  const model::StepMemory none_left[] = {of(1, 50), of(60, 10)};
  EXPECT_EQ(model::least_to_spare(none_left).now->free, 10u);
  const model::StepMemory unknown[] = {of(1, 50), {8, std::nullopt}};
  EXPECT_FALSE(model::least_to_spare(unknown).now);
  EXPECT_EQ(model::least_to_spare(unknown).ranks, 2);
}

}  // namespace
}  // namespace whorl
