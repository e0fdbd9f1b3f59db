// Adapters under the engine: by name, by version, by content. Among these the items that no peer's tests
// assert: the adapter changes the output, every tensor of it counts, a reload is never stale, an unload
// leaves running requests alone, and memory returns to where it was.
#include <gtest/gtest.h>

#include <thread>

#include "base/check.h"
#include "serve/engine_fixture.h"

namespace whorl {
namespace {

using testing::FakeTransformer;
using testing::message_of;
using testing::random_adapter;

GenerateRequest request_of(const std::string& adapter, int64_t max_new_tokens = 8) {
  GenerateRequest request;
  request.adapter = adapter;
  request.prompt_ids = {5, 9, 2, 6};
  request.sampling.max_new_tokens = max_new_tokens;
  request.sampling.logprobs = 0;
  return request;
}

std::vector<double> logprobs_of(const GenerateResult& result) {
  std::vector<double> out;
  for (const auto& token : result.logprobs) out.push_back(token.logprob);
  return out;
}

TEST(Adapters, OutputDiffersFromTheBase) {
  const Model model = testing::tiny_model();
  InferenceEngine engine(model);
  engine.add_adapter("a", random_adapter(model, 4, 1));
  EXPECT_NE(logprobs_of(engine.generate(request_of("a"))), logprobs_of(engine.generate(request_of(""))));
}

TEST(Adapters, EveryTensorIsConsumed) {
  const Model model = testing::tiny_model();
  InferenceEngine engine(model);
  const Adapter whole = random_adapter(model, 4, 1);
  engine.add_adapter("whole", whole);
  const auto expected = logprobs_of(engine.generate(request_of("whole")));
  // Each module in turn is doubled: if the engine ignored it, nothing would change.
  for (const auto& module : whole.modules()) {
    adapter::LoraAdapter changed = adapter::adapter_impl(whole);
    for (auto& m : changed.modules) {
      if (m.name != module.name) continue;
      Tensor b = Tensor::zeros(DType::float32, m.b.shape());
      for (int64_t i = 0; i < b.numel(); ++i) b.data<float>()[i] = 2 * m.b.data<float>()[i];
      m.b = b;
    }
    engine.add_adapter("changed", adapter::make_adapter(std::move(changed), "[test]"));
    EXPECT_NE(logprobs_of(engine.generate(request_of("changed"))), expected)
        << module.name << " has no effect";
  }
}

TEST(Adapters, WhatDoesNotBindWholeIsRefusedAndDisturbsNobody) {
  const Model model = testing::tiny_model();
  InferenceEngine engine(model);
  adapter::BaseDescription other;
  other.modules["model.layers.7.self_attn.q_proj"] = {32, 32};
  adapter::LoraConfig config;
  config.targets = adapter::Targets::of_list({"q_proj"});
  const Adapter foreign = adapter::make_adapter(adapter::create_lora(config, other, 1), "[test]");
  for (int i = 0; i < 50; ++i)
    EXPECT_NE(message_of<std::invalid_argument>([&] { engine.add_adapter("bad", foreign); }).find("layers.7"),
              std::string::npos);
  EXPECT_EQ(engine.stats().adapters_loaded, 0);
  EXPECT_TRUE(engine.adapters().empty());
  engine.add_adapter("bad", random_adapter(model, 4, 1));  // the name was not poisoned
  EXPECT_EQ(engine.generate(request_of("bad")).ids.size(), 8u);
}

TEST(Adapters, SameNameNewContentIsNeverStale) {
  const Model model = testing::tiny_model();
  InferenceEngine engine(model);
  engine.add_adapter("a", random_adapter(model, 4, 1));
  const auto first = engine.generate(request_of("a"));
  engine.add_adapter("a", random_adapter(model, 4, 2));
  const auto second = engine.generate(request_of("a"));
  EXPECT_NE(first.adapter_digest, second.adapter_digest);
  EXPECT_NE(logprobs_of(first), logprobs_of(second));
  engine.add_adapter("a", random_adapter(model, 4, 1));
  EXPECT_EQ(logprobs_of(engine.generate(request_of("a"))), logprobs_of(first));
}

TEST(Adapters, UnloadDuringDecodingLeavesTheRequestItsAdapter) {
  const Model model = testing::tiny_model();
  InferenceEngine engine(model);
  engine.add_adapter("a", random_adapter(model, 4, 1));
  const auto expected = engine.generate(request_of("a", 60));
  int seen = 0;
  const auto results = engine
                           .submit(request_of("a", 60),
                                   [&](const StreamEvent&) {
                                     if (++seen == 10) engine.remove_adapter("a");
                                     return true;
                                   })
                           .wait();
  EXPECT_EQ(results[0].ids, expected.ids);
  EXPECT_EQ(logprobs_of(results[0]), logprobs_of(expected));
  EXPECT_THROW(engine.generate(request_of("a")), std::invalid_argument);
  EXPECT_EQ(engine.stats().adapters_loaded, 0);
}

TEST(Adapters, MemoryReturnsToBaselineAfterManyLoads) {
  const Model model = testing::tiny_model();
  InferenceEngine engine(model);
  for (uint64_t i = 0; i < 40; ++i) {
    engine.add_adapter("a", random_adapter(model, 1 + static_cast<int64_t>(i % 9), i));
    engine.generate(request_of("a", 2));
    EXPECT_GT(engine.stats().adapter_bytes, 0u);
    engine.remove_adapter("a");
    EXPECT_EQ(engine.stats().adapter_bytes, 0u);
    EXPECT_EQ(engine.stats().adapters_loaded, 0);
    EXPECT_EQ(engine.stats().pages_used, 0);
  }
}

TEST(Adapters, ReplacedContentLeavesTheCacheToo) {
  const Model model = testing::fake_model();
  InferenceEngine engine(model);
  for (uint64_t i = 0; i < 10; ++i) engine.add_adapter("a", random_adapter(model, 2, i));
  EXPECT_EQ(engine.stats().adapters_loaded, 1);
}

TEST(Adapters, TheCacheKeepsWithinItsBytesLeastRecentlyUsedFirst) {
  const Model model = testing::fake_model();  // every packed adapter of the fake weighs 1,000 bytes
  EngineOptions options;
  options.adapter_cache_bytes = 3500;
  InferenceEngine engine(model, options);
  for (uint64_t i = 0; i < 10; ++i) engine.add_adapter(base::concat("a", i), random_adapter(model, 2, i));
  EXPECT_EQ(engine.stats().adapters_loaded, 3);
  for (uint64_t round = 0; round < 2; ++round)
    for (uint64_t i = 0; i < 10; ++i)
      EXPECT_EQ(engine.generate(request_of(base::concat("a", i))).ids.size(), 8u);
  EXPECT_EQ(engine.stats().adapters_loaded, 3);
  options.adapter_cache_bytes = 999;
  InferenceEngine small(model, options);
  EXPECT_NE(message_of<std::invalid_argument>([&] {
              small.add_adapter("a", random_adapter(model, 2, 1));
            }).find("adapter_cache_bytes"),
            std::string::npos);
}

TEST(Adapters, TwoNamesOfOneContentShareItsBytes) {
  const Model model = testing::fake_model();
  InferenceEngine engine(model);
  engine.add_adapter("a", random_adapter(model, 2, 1));
  engine.add_adapter("b", random_adapter(model, 2, 1));
  EXPECT_EQ(engine.stats().adapters_loaded, 1);
  engine.remove_adapter("a");
  EXPECT_EQ(engine.stats().adapters_loaded, 1);
  EXPECT_EQ(engine.generate(request_of("b")).ids.size(), 8u);
}

class StoreAdapters : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder;
  Model model = testing::tiny_model();
  AdapterStore store{folder.path / "store"};
};

TEST_F(StoreAdapters, NamesVersionsAndTheLatest) {
  store.publish("tickets", random_adapter(model, 4, 1));
  InferenceEngine engine(model, store);
  const auto first = engine.generate(request_of("tickets"));
  EXPECT_EQ(first.adapter, "tickets@1");
  const auto published = store.publish("tickets", random_adapter(model, 8, 2));
  const auto second = engine.generate(request_of("tickets"));  // no restart
  EXPECT_EQ(second.adapter, "tickets@2");
  EXPECT_EQ(second.adapter_digest, published.digest);
  EXPECT_NE(logprobs_of(first), logprobs_of(second));
  EXPECT_EQ(logprobs_of(engine.generate(request_of("tickets@1"))), logprobs_of(first));
  store.rollback("tickets");
  EXPECT_EQ(engine.generate(request_of("tickets")).adapter, "tickets@1");
  EXPECT_EQ(engine.adapters(), std::vector<std::string>{"tickets"});
}

TEST_F(StoreAdapters, RunningRequestsKeepTheirVersion) {
  store.publish("tickets", random_adapter(model, 4, 1));
  InferenceEngine engine(model, store);
  const auto expected = engine.generate(request_of("tickets", 60));
  int seen = 0;
  const auto results = engine
                           .submit(request_of("tickets", 60),
                                   [&](const StreamEvent&) {
                                     if (++seen == 5) store.publish("tickets", random_adapter(model, 8, 2));
                                     return true;
                                   })
                           .wait();
  EXPECT_EQ(results[0].adapter, "tickets@1");
  EXPECT_EQ(logprobs_of(results[0]), logprobs_of(expected));
  EXPECT_EQ(engine.generate(request_of("tickets")).adapter, "tickets@2");
}

TEST_F(StoreAdapters, UnknownNamesAndVersionsAreTheCallersFault) {
  store.publish("tickets", random_adapter(model, 4, 1));
  InferenceEngine engine(model, store);
  for (const char* name : {"ticket", "tickets@2", "tickets@x", "../tickets", "a/b", "tickets@"})
    EXPECT_THROW(engine.submit(request_of(name)), std::invalid_argument) << name;
  EXPECT_EQ(engine.generate(request_of("tickets")).ids.size(), 8u);
}

TEST_F(StoreAdapters, ANameGivenToTheEngineShadowsTheStore) {
  store.publish("tickets", random_adapter(model, 4, 1));
  InferenceEngine engine(model, store);
  engine.add_adapter("tickets", random_adapter(model, 4, 7));
  EXPECT_EQ(engine.generate(request_of("tickets")).adapter, "tickets");
  engine.remove_adapter("tickets");
  EXPECT_EQ(engine.generate(request_of("tickets")).adapter, "tickets@1");
}

TEST_F(StoreAdapters, ManyThreadsLoadOneAdapterOnce) {
  store.publish("tickets", random_adapter(model, 4, 1));
  InferenceEngine engine(model, store);
  std::vector<std::thread> users;
  for (int i = 0; i < 8; ++i)
    users.emplace_back([&] { EXPECT_EQ(engine.generate(request_of("tickets")).ids.size(), 8u); });
  for (auto& user : users) user.join();
  EXPECT_EQ(engine.stats().adapters_loaded, 1);
}

// Three adapters, room for one of them packed: whoever comes back comes from the host's memory. What is read
// again from the store would fail, because the files are gone bad meanwhile.
TEST_F(StoreAdapters, WhatLeftTheCacheComesBackWithoutTheDisk) {
  const Model fake = testing::fake_model();  // a packed adapter weighs 1,000 bytes
  for (uint64_t i = 0; i < 3; ++i) store.publish(base::concat("a", i), random_adapter(fake, 2, i));
  const size_t one = random_adapter(fake, 2, 0).memory_bytes();
  EngineOptions options;
  options.adapter_cache_bytes = 1000;
  InferenceEngine keeping(fake, store, options);
  options.adapter_host_cache_bytes = 2 * one;
  InferenceEngine two(fake, store, options);
  options.adapter_host_cache_bytes = 0;
  InferenceEngine forgetting(fake, store, options);
  const auto ask = [](InferenceEngine& engine, int i) {
    EXPECT_EQ(engine.generate(request_of(base::concat("a", i))).ids.size(), 8u) << i;
  };
  for (InferenceEngine* engine : {&keeping, &two, &forgetting})
    for (const int i : {0, 1, 0, 2}) ask(*engine, i);
  EXPECT_EQ(keeping.stats().adapters_loaded, 1);
  EXPECT_EQ(keeping.stats().host_adapters, 3);
  EXPECT_EQ(keeping.stats().host_adapter_bytes, 3 * one);
  EXPECT_EQ(two.stats().host_adapters, 2);
  EXPECT_EQ(forgetting.stats().host_adapters, 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path))
    if (entry.path().extension() == ".safetensors") std::filesystem::resize_file(entry.path(), 10);
  for (int i = 0; i < 3; ++i) ask(keeping, i);
  ask(two, 2);
  ask(two, 0);
  EXPECT_ANY_THROW(two.generate(request_of("a1"))) << "the least recently used was kept";
  ask(forgetting, 2);  // the one that is still packed
  EXPECT_ANY_THROW(forgetting.generate(request_of("a1")));
  store.delete_adapter("a1");
  EXPECT_ANY_THROW(keeping.generate(request_of("a1"))) << "a version that is gone was served";
}

}  // namespace
}  // namespace whorl
