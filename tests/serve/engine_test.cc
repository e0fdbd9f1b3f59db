// The engine's manners: streams, samples, cancellation, limits, errors, likelihoods, shutdown. Mostly on the
// fake, whose steps cost nothing, so that timing is the engine's own.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "serve/engine_fixture.h"

namespace whorl {
namespace {

using testing::FakeTransformer;
using testing::message_of;
using testing::request_of;
using namespace std::chrono_literals;

// Holds the engine's thread at the beginning of each step until it is let go.
struct Gate {
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
};

std::shared_ptr<FakeTransformer> gated(const Gate& gate) {
  auto fake = std::make_shared<FakeTransformer>();
  fake->before_step = [opened = gate.opened](const auto&, auto) { opened.wait(); };
  return fake;
}

TEST(Engine, GeneratesAndCounts) {
  InferenceEngine engine(testing::fake_model());
  const auto result = engine.generate(request_of({1, 2, 3}, 7));
  EXPECT_EQ(result.ids.size(), 7u);
  EXPECT_EQ(result.finish_reason, "length");
  EXPECT_EQ(result.prompt_tokens, 3);
  EXPECT_EQ(result.completion_tokens, 7);
  EXPECT_EQ(result.adapter, "");
  const auto stats = engine.stats();
  EXPECT_EQ(stats.requests, 1);
  EXPECT_EQ(stats.prompt_tokens, 3);
  EXPECT_EQ(stats.generated_tokens, 7);
  EXPECT_EQ(stats.steps, 7);
  EXPECT_EQ(stats.pages_used, 0);
  EXPECT_EQ(stats.running + stats.waiting, 0);
}

TEST(Engine, SleepsWhenThereIsNothingToDo) {
  const auto fake = std::make_shared<FakeTransformer>();
  InferenceEngine engine(testing::model_over(fake));
  engine.generate(request_of({1}, 3));
  const auto steps = engine.stats().steps;
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(100ms);
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, .05);
  EXPECT_EQ(engine.stats().steps, steps);
}

TEST(Engine, StopsAtStopTokensAndEos) {
  const auto fake = std::make_shared<FakeTransformer>();
  const Model plain = testing::model_over(fake);
  InferenceEngine engine(plain);
  auto request = request_of({1, 2}, 20);
  const auto all = engine.generate(request).ids;
  request.sampling.stop_token_ids = {all[4]};
  const auto stopped = engine.generate(request);
  const auto first = std::find(all.begin(), all.end(), all[4]) - all.begin();
  EXPECT_EQ(stopped.ids, std::vector<int32_t>(all.begin(), all.begin() + first + 1));
  EXPECT_EQ(stopped.finish_reason, "stop");

  auto impl = std::make_shared<Model::Impl>(*plain.impl());
  impl->config.eos_token_ids = {all[4]};
  InferenceEngine with_eos{Model(impl)};
  request.sampling.stop_token_ids = {};
  EXPECT_EQ(with_eos.generate(request).ids, stopped.ids);
  request.sampling.ignore_eos = true;
  EXPECT_EQ(with_eos.generate(request).ids, all);
}

TEST(Engine, SamplesOfOneRequestAreItsSeedsInOrder) {
  EngineOptions options;
  options.page_size = 4;
  InferenceEngine engine(testing::fake_model(), options);
  auto request = request_of(testing::random_ids(3, 18, 40), 9);
  request.sampling.temperature = 1;
  request.sampling.seed = 40;
  request.sampling.n = 5;
  const auto samples = engine.submit(request).wait();
  EXPECT_EQ(engine.stats().prompt_tokens, 18 + 4 * 2);  // four forks read the 16 shared positions
  request.sampling.n = 1;
  for (int64_t i = 0; i < 5; ++i) {
    request.sampling.seed = 40 + static_cast<uint64_t>(i);
    EXPECT_EQ(samples[static_cast<size_t>(i)].ids, engine.generate(request).ids);
    EXPECT_EQ(samples[static_cast<size_t>(i)].index, i);
  }
  EXPECT_EQ(engine.stats().pages_used, 0);
}

TEST(Engine, LogprobsAreTheUntouchedLogSoftmax) {
  const Model model = testing::tiny_model();
  InferenceEngine engine(model);
  auto request = request_of({5, 6, 7}, 6);
  request.sampling.logprobs = 4;
  request.sampling.temperature = .7;  // changes the choice, never the report
  request.sampling.repetition_penalty = 1.5;
  const auto result = engine.generate(request);
  std::vector<int32_t> ids = {5, 6, 7};
  for (size_t t = 0; t < result.ids.size(); ++t) {
    const auto logits = model.logits(ids);
    const float* row = logits.data() + (ids.size() - 1) * 97;
    double sum = 0;
    for (int i = 0; i < 97; ++i) sum += std::exp(static_cast<double>(row[i]));
    const auto& entry = result.logprobs[t];
    EXPECT_NEAR(entry.logprob, static_cast<double>(row[entry.id]) - std::log(sum), 1e-6);
    ASSERT_EQ(entry.top.size(), 4u);
    for (size_t k = 1; k < 4; ++k) EXPECT_GE(entry.top[k - 1].second, entry.top[k].second);
    EXPECT_GE(entry.top[0].second, entry.logprob);
    ids.push_back(result.ids[t]);
  }
}

TEST(Engine, StreamBringsEveryTokenOnceAndTheResultLast) {
  InferenceEngine engine(testing::fake_model());
  auto request = request_of({1, 2}, 9);
  request.sampling.n = 3;
  request.sampling.temperature = 1;
  std::vector<std::vector<int32_t>> ids(3);
  std::vector<int> finished(3);
  const auto results = engine
                           .submit(request,
                                   [&](const StreamEvent& event) {
                                     const auto i = static_cast<size_t>(event.index);
                                     EXPECT_EQ(finished[i], 0);
                                     ids[i].insert(ids[i].end(), event.ids.begin(), event.ids.end());
                                     finished[i] += event.finished;
                                     EXPECT_EQ(event.finished, event.result != nullptr);
                                     return true;
                                   })
                           .wait();
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(ids[i], results[i].ids);
    EXPECT_EQ(finished[i], 1);
  }
}

TEST(Engine, CancelFreesPlaceAndPagesWithinOneStep) {
  Gate gate;
  const auto fake = gated(gate);
  InferenceEngine engine(testing::model_over(fake));
  auto request = request_of({1, 2, 3}, 200);
  request.sampling.n = 3;
  const auto generation = engine.submit(request);
  while (fake->steps == 0) std::this_thread::yield();
  generation.cancel();
  gate.open.set_value();
  const auto results = generation.wait();
  EXPECT_LE(fake->steps, 2);
  EXPECT_EQ(engine.stats().pages_used, 0);
  EXPECT_EQ(engine.stats().running, 0);
  ASSERT_EQ(results.size(), 3u);
  for (const auto& result : results) EXPECT_EQ(result.finish_reason, "cancelled");
}

TEST(Engine, CallbackThatReturnsFalseCancelsAllSamples) {
  InferenceEngine engine(testing::fake_model());
  auto request = request_of({1, 2, 3}, 200);
  request.sampling.n = 4;
  int events = 0;
  const auto results = engine.submit(request, [&](const StreamEvent&) { return ++events < 5; }).wait();
  EXPECT_EQ(events, 5);  // and never called again
  for (const auto& result : results) EXPECT_EQ(result.finish_reason, "cancelled");
  EXPECT_EQ(engine.stats().pages_used, 0);
}

TEST(Engine, CallbackThatThrowsEndsItsOwnRequestOnly) {
  InferenceEngine engine(testing::fake_model());
  const auto good = engine.submit(request_of({9}, 50));
  const auto bad = engine.submit(request_of({1, 2}, 50),
                                 [](const StreamEvent&) -> bool { throw std::runtime_error("listener"); });
  EXPECT_EQ(message_of<std::runtime_error>([&] { bad.wait(); }), "listener");
  EXPECT_EQ(good.wait()[0].ids.size(), 50u);
  EXPECT_EQ(engine.stats().pages_used, 0);
}

TEST(Engine, WaitingInsideACallbackIsRefused) {
  InferenceEngine engine(testing::fake_model());
  std::string said;
  engine
      .submit(request_of({1}, 2),
              [&](const StreamEvent& event) {
                if (!event.finished)
                  said = message_of<std::runtime_error>([&] { engine.generate(request_of({2}, 2)); });
                return true;
              })
      .wait();
  EXPECT_NE(said.find("callback"), std::string::npos) << said;
}

TEST(Engine, WaitingForAWhileEndsWithTheRequest) {
  constexpr double kLong = 120;  // seconds; an end that is not told of would take as long
  Gate gate;
  const auto fake = gated(gate);
  InferenceEngine held(testing::model_over(fake));
  const auto generation = held.submit(request_of({1, 2, 3}, 4));
  EXPECT_FALSE(generation.wait_for(0));
  EXPECT_FALSE(generation.wait_for(0.01));
  gate.open.set_value();
  EXPECT_TRUE(generation.wait_for(kLong));
  EXPECT_TRUE(generation.done());
  EXPECT_TRUE(generation.wait_for(0));

  InferenceEngine engine(testing::fake_model());
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(engine.submit(request_of({1}, 1)).wait_for(kLong));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took.count(), kLong);

  std::string said;
  const auto listening = std::make_shared<std::optional<Generation>>();
  std::promise<void> ready;
  const auto known = ready.get_future().share();
  *listening = engine.submit(request_of({1}, 2), [&](const StreamEvent& event) {
    known.wait();
    if (!event.finished) said = message_of<std::runtime_error>([&] { (*listening)->wait_for(kLong); });
    return true;
  });
  ready.set_value();
  (*listening)->wait();
  EXPECT_NE(said.find("callback"), std::string::npos) << said;
}

TEST(Engine, AFailingStepReachesThoseWhoWaitAndNobodyElse) {
  const auto fake = std::make_shared<FakeTransformer>();
  std::atomic<bool> broken{true};
  fake->before_step = [&](const auto&, auto) {
    if (broken) throw std::runtime_error("device is gone");
  };
  InferenceEngine engine(testing::model_over(fake));
  EXPECT_EQ(message_of<std::runtime_error>([&] { engine.generate(request_of({1}, 4)); }), "device is gone");
  broken = false;
  EXPECT_EQ(engine.generate(request_of({1}, 4)).ids.size(), 4u);
  EXPECT_EQ(engine.stats().pages_used, 0);
}

TEST(Engine, RefusesWhatCanNeverFit) {
  EngineOptions options;
  options.kv_cache_bytes = 4 * 16 * 4;  // four pages of the fake
  InferenceEngine engine(testing::fake_model(), options);
  EXPECT_EQ(engine.stats().pages_total, 4);
  EXPECT_EQ(engine.generate(request_of(testing::random_ids(1, 40, 40), 25)).ids.size(), 25u);  // 64 positions
  const auto said = message_of<std::invalid_argument>(
      [&] { engine.submit(request_of(testing::random_ids(1, 40, 40), 26)); });
  EXPECT_NE(said.find("kv_cache_bytes"), std::string::npos) << said;
}

TEST(Engine, RefusesWhenTheQueueIsFull) {
  Gate gate;
  EngineOptions options;
  options.max_batch_size = 1;
  options.max_queue = 2;
  const auto fake = gated(gate);
  InferenceEngine engine(testing::model_over(fake), options);
  const auto first = engine.submit(request_of({1}, 5));
  while (fake->steps == 0) std::this_thread::yield();
  const auto second = engine.submit(request_of({2}, 5)), third = engine.submit(request_of({3}, 5));
  const auto said = message_of<std::runtime_error>([&] { engine.submit(request_of({4}, 5)); });
  EXPECT_NE(said.find("max_queue"), std::string::npos) << said;
  gate.open.set_value();
  for (const auto* generation : {&first, &second, &third}) EXPECT_EQ(generation->wait()[0].ids.size(), 5u);
}

TEST(Engine, ABatchLargerThanTheQueueWaitsForRoom) {
  EngineOptions options;
  options.max_queue = 3;
  options.max_batch_size = 2;
  InferenceEngine engine(testing::fake_model(), options);
  const auto results = engine.generate(std::vector<GenerateRequest>(50, request_of({1, 2}, 3)));
  ASSERT_EQ(results.size(), 50u);
  for (const auto& result : results) EXPECT_EQ(result[0].ids, results[0][0].ids);
}

TEST(Engine, DestructorCancelsWhatIsLeft) {
  std::optional<Generation> left;
  {
    InferenceEngine engine(testing::model_over(std::make_shared<FakeTransformer>(40, 1 << 20)));
    left = engine.submit(request_of({1}, 1 << 18));
  }
  EXPECT_TRUE(left->done());
  EXPECT_EQ(left->wait()[0].finish_reason, "cancelled");
}

TEST(Engine, CancelChurnLeavesNoPageBehind) {
  EngineOptions options;
  options.page_size = 3;
  options.max_batch_size = 6;
  options.max_step_tokens = 7;
  options.kv_cache_bytes = 400 * 3 * 4;
  InferenceEngine engine(testing::fake_model(), options);
  std::vector<std::thread> users;
  for (uint64_t user = 0; user < 4; ++user) {
    users.emplace_back([&, user] {
      for (uint64_t i = 0; i < 120; ++i) {
        auto request = request_of(
            testing::random_ids(user * 1000 + i, 1 + static_cast<int64_t>(base::below(user, i, 30)), 40),
            1 + static_cast<int64_t>(base::below(user, 1000 + i, 60)));
        request.sampling.n = 1 + static_cast<int64_t>(base::below(user, 2000 + i, 4));
        const auto stop_after = base::below(user, 3000 + i, 40);
        uint64_t seen = 0;
        const auto generation =
            engine.submit(request, [&, stop_after](const StreamEvent&) { return ++seen < 20 + stop_after; });
        if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(stop_after * 5));
        if (i % 2 == 0) generation.cancel();
        const auto results = generation.wait();
        EXPECT_EQ(std::ssize(results), request.sampling.n);
      }
    });
  }
  for (auto& user : users) user.join();
  const auto stats = engine.stats();
  EXPECT_EQ(stats.pages_used, 0);
  EXPECT_EQ(stats.running + stats.waiting, 0);
  EXPECT_EQ(stats.requests, 480);
}

// ---- what the edge refuses -----------------------------------------------------------------------------

TEST(Engine, BadRequestsNameTheirField) {
  InferenceEngine engine(testing::fake_model());
  auto said = [&](const GenerateRequest& request) {
    return message_of<std::invalid_argument>([&] { engine.submit(request); });
  };
  EXPECT_NE(said({}).find("exactly one of messages, prompt and prompt_ids"), std::string::npos);
  EXPECT_NE(said(request_of({40}, 5)).find("prompt_ids"), std::string::npos);
  EXPECT_NE(said(request_of({-1}, 5)).find("prompt_ids"), std::string::npos);
  EXPECT_NE(said(request_of(std::vector<int32_t>(256, 1), 5)).find("context"), std::string::npos);
  EXPECT_NE(said(request_of({1}, 257)).find("max_new_tokens"), std::string::npos);
  GenerateRequest text;
  text.prompt = "hello";
  EXPECT_NE(said(text).find("tokenizer"), std::string::npos);
  auto unknown = request_of({1}, 5);
  unknown.adapter = "ticket";
  engine.add_adapter("tickets", testing::random_adapter(engine.model(), 2, 1));
  EXPECT_NE(said(unknown).find("did you mean 'tickets'"), std::string::npos) << said(unknown);
  EXPECT_EQ(engine.stats().requests, 0);
}

TEST(Engine, PromptsOfOneTokenAndOfTheWholeContextWork) {
  InferenceEngine engine(testing::fake_model());
  EXPECT_EQ(engine.generate(request_of({0}, 1)).ids.size(), 1u);
  const auto full = engine.generate(request_of(std::vector<int32_t>(255, 1), 256));  // room for one
  EXPECT_EQ(full.ids.size(), 1u);
  EXPECT_EQ(full.finish_reason, "length");
}

TEST(Engine, BadOptionsNameTheirField) {
  auto said = [](auto set) {
    EngineOptions options;
    set(options);
    return message_of<std::invalid_argument>([&] { InferenceEngine engine(testing::fake_model(), options); });
  };
  EXPECT_NE(said([](auto& o) { o.max_batch_size = 0; }).find("max_batch_size"), std::string::npos);
  EXPECT_NE(said([](auto& o) { o.max_step_tokens = 0; }).find("max_step_tokens"), std::string::npos);
  EXPECT_NE(said([](auto& o) { o.page_size = -1; }).find("page_size"), std::string::npos);
  EXPECT_NE(said([](auto& o) { o.kv_cache_bytes = 3; }).find("kv_cache_bytes"), std::string::npos);
  EXPECT_NE(said([](auto& o) { o.max_queue = 0; }).find("max_queue"), std::string::npos);
}

// ---- likelihoods ---------------------------------------------------------------------------------------

TEST(Likelihood, EqualsTheModelsLogSoftmax) {
  const Model model = testing::tiny_model();
  EngineOptions options;
  options.max_step_tokens = 4;
  InferenceEngine engine(model, options);
  const auto ids = testing::random_ids(4, 14, 97);
  const auto logits = model.logits(ids);
  const auto result =
      engine.log_likelihood({{"", {ids.begin(), ids.begin() + 5}, {ids.begin() + 5, ids.end()}}}).at(0);
  ASSERT_EQ(result.token_logprobs.size(), 9u);
  double total = 0;
  for (size_t t = 0; t < 9; ++t) {
    const float* row = logits.data() + (4 + t) * 97;
    double sum = 0;
    for (int i = 0; i < 97; ++i) sum += std::exp(static_cast<double>(row[i]));
    EXPECT_NEAR(result.token_logprobs[t], static_cast<double>(row[ids[5 + t]]) - std::log(sum), 1e-6);
    total += result.token_logprobs[t];
  }
  EXPECT_DOUBLE_EQ(result.logprob, total);
  EXPECT_FALSE(result.is_greedy);
}

TEST(Likelihood, GreedyOutputIsGreedyAndScoresItsOwnLogprobs) {
  InferenceEngine engine(testing::tiny_model());
  auto request = request_of({3, 1, 4}, 12);
  request.sampling.logprobs = 0;
  const auto generated = engine.generate(request);
  const auto scored = engine.log_likelihood({{"", {3, 1, 4}, generated.ids}}).at(0);
  EXPECT_TRUE(scored.is_greedy);
  for (size_t t = 0; t < 12; ++t)
    EXPECT_EQ(scored.token_logprobs[t], generated.logprobs[t].logprob);  // bit for bit
  auto other = generated.ids;
  other.back() = (other.back() + 1) % 97;
  EXPECT_FALSE(engine.log_likelihood({{"", {3, 1, 4}, other}}).at(0).is_greedy);
}

TEST(Likelihood, EmptyContextGivesTheFirstToken) {
  InferenceEngine engine(testing::fake_model());
  EXPECT_EQ(engine.log_likelihood({{"", {}, {1, 2, 3}}}).at(0).token_logprobs.size(), 2u);
  const auto one = engine.log_likelihood({{"", {}, {1}}}).at(0);
  EXPECT_EQ(one.logprob, 0);
  EXPECT_TRUE(one.token_logprobs.empty());
  EXPECT_EQ(engine.log_likelihood({{"", {}, {1, 2, 3}}}).at(0).token_logprobs,
            engine.log_likelihood({{"", {1}, {2, 3}}}).at(0).token_logprobs);
}

TEST(Likelihood, ManyAtOnceEqualOneByOne) {
  InferenceEngine engine(testing::fake_model());
  std::vector<InferenceEngine::LikelihoodRequest> requests;
  for (uint64_t i = 0; i < 100; ++i)
    requests.push_back({"", testing::random_ids(i, static_cast<int64_t>(i % 7), 40),
                        testing::random_ids(500 + i, 1 + static_cast<int64_t>(i % 9), 40)});
  const auto together = engine.log_likelihood(requests);
  for (size_t i = 0; i < requests.size(); ++i)
    EXPECT_EQ(together[i].token_logprobs, engine.log_likelihood({requests[i]}).at(0).token_logprobs);
  EXPECT_EQ(engine.stats().pages_used, 0);
}

TEST(Likelihood, RefusesWhatCannotBeScored) {
  InferenceEngine engine(testing::fake_model());
  auto said = [&](InferenceEngine::LikelihoodRequest request) {
    return message_of<std::invalid_argument>([&] { engine.log_likelihood({request}); });
  };
  EXPECT_NE(said({"", {1}, {}}).find("continuation"), std::string::npos);
  EXPECT_NE(said({"", {1}, {40}}).find("token ids"), std::string::npos);
  EXPECT_NE(said({"", {1}, std::vector<int32_t>(257, 1)}).find("256"), std::string::npos);
}

}  // namespace
}  // namespace whorl
