// What the engine asks of a row of logits: no more than its sequence needs, whatever the others want, and the
// same answers as from all of them.
#include <gtest/gtest.h>

#include <thread>

#include "serve/engine_fixture.h"
#include "serve/logit_rows.h"

namespace whorl {
namespace {

using testing::FakeTransformer;
using testing::request_of;
using namespace std::chrono_literals;

std::shared_ptr<FakeTransformer> sending_fake(int64_t vocab = 40) {
  auto fake = std::make_shared<FakeTransformer>(vocab);
  fake->sends_apart = true;
  return fake;
}

// What one asks for does not change what is sent of the others.
TEST(SentLogits, AsksForNoMoreOfLogitsThanEachRequestNeeds) {
  const SamplingOptions greedy{.max_new_tokens = 5}, chance{.max_new_tokens = 5, .temperature = 1},
      top_k{.max_new_tokens = 5, .temperature = 1, .top_k = 5, .top_p = .9},
      logprobs{.max_new_tokens = 5, .logprobs = 0}, penalised{.max_new_tokens = 5, .repetition_penalty = 1.2};
  struct Case {
    std::vector<SamplingOptions> samplings;
    int64_t drawn, whole;
  };
  for (const Case& c : {Case{{greedy}, 5, 0}, Case{{greedy, chance}, 10, 0},
                        Case{{top_k, greedy, chance}, 15, 0}, Case{{greedy, logprobs, chance}, 10, 5},
                        Case{{penalised}, 5, 0}, Case{{logprobs, top_k, penalised}, 10, 5}}) {
    std::vector<GenerateRequest> requests;
    for (const SamplingOptions& sampling : c.samplings) {
      requests.push_back(request_of({1, 2, static_cast<int32_t>(3 + requests.size())}, 5));
      requests.back().sampling = sampling;
    }
    const auto ids = [&](std::shared_ptr<FakeTransformer> fake) {
      InferenceEngine engine(testing::model_over(std::move(fake)));
      std::vector<std::vector<int32_t>> out;
      for (const auto& samples : engine.generate(requests)) out.push_back(samples.front().ids);
      return out;
    };
    const auto sending = sending_fake();
    EXPECT_EQ(ids(sending), ids(std::make_shared<FakeTransformer>()));
    EXPECT_EQ(sending->drawn, c.drawn);
    EXPECT_EQ(sending->whole, c.whole);
    EXPECT_EQ(sending->scored, 0);
  }
}

// Guesses have their own places in the stream of random numbers; of few tokens many are guessed right.
TEST(SentLogits, AreDrawnFromBehindGuesses) {
  GenerateRequest request = request_of({1, 2, 1, 2, 1, 2}, 60);
  request.sampling.prompt_lookup_num_tokens = 4, request.sampling.ignore_eos = true;
  int64_t accepted = 0;
  for (const double temperature : {0., .5, 2.}) {
    request.sampling.temperature = temperature;
    const auto ids = [&](std::shared_ptr<FakeTransformer> fake) {
      InferenceEngine engine(testing::model_over(std::move(fake)));
      auto out = engine.generate(request).ids;
      accepted += engine.stats().accepted_tokens;
      return out;
    };
    const auto sending = sending_fake(3);
    EXPECT_EQ(ids(sending), ids(std::make_shared<FakeTransformer>(3)));
    EXPECT_GE(sending->drawn, 60);
    EXPECT_EQ(sending->whole, 0);
  }
  EXPECT_GT(accepted, 20);
  // Penalties of a row depend on those before it: rows behind guesses come whole.
  request.sampling.presence_penalty = .3, request.sampling.temperature = .5;
  const auto sending = sending_fake(3);
  InferenceEngine apart(testing::model_over(sending)), plain(testing::fake_model(3));
  EXPECT_EQ(apart.generate(request).ids, plain.generate(request).ids);
  EXPECT_GT(sending->whole, 0);
}

// What a sequence throws when it is asked ends that sequence alone.
TEST(SentLogits, AskEachSequenceAndNoteWhatItThrows) {
  struct One final : serve::Sequence {
    bool throws = false;
    explicit One(bool t) : throws(t) {}
    void take(int64_t, std::span<const float>, serve::SamplerScratch&) override {}
    bool may_be_drawn(int64_t) const override { return true; }
    ops::Draw next_draw(int64_t ahead) override {
      if (throws) throw std::runtime_error("no");
      return {.uniform = .25 * static_cast<double>(ahead)};
    }
    void tell() override {}
    bool cancelled() const override { return false; }
    void complete() override {}
    void cancel() override {}
    void fail(std::exception_ptr) override {}
  } fine(false), bad(true);
  serve::StepPlan plan;
  plan.entries = {{.sequence = &bad, .tokens = 1, .first_logit = 4, .logits = 1},
                  {.sequence = &fine, .tokens = 3, .first_logit = 7, .logits = 2}};
  plan.logit_rows = {0, 2, 3};
  const serve::LogitRows rows(plan, true);
  EXPECT_TRUE(bad.error);
  EXPECT_FALSE(fine.error);
  EXPECT_EQ(rows.rows, plan.logit_rows);
  ASSERT_EQ(rows.draws.size(), 3u);
  EXPECT_EQ(rows.places[1].row, 1);
  EXPECT_EQ(rows.draws[1].uniform, 0);
  EXPECT_EQ(rows.draws[2].uniform, .25);
  const serve::LogitRows whole(plan, false);
  EXPECT_TRUE(whole.draws.empty());
  EXPECT_EQ(whole.rows, plan.logit_rows);
}

// A step may hold rows of all three kinds.
TEST(SentLogits, DrawsAndScoresInOneStep) {
  const auto run = [&](std::shared_ptr<FakeTransformer> fake) {
    InferenceEngine engine(testing::model_over(std::move(fake)), EngineOptions{.max_step_tokens = 12});
    std::vector<Generation> running;
    for (int32_t i = 0; i < 4; ++i) {
      GenerateRequest request = request_of({1, 2, 3 + i}, 40);
      request.sampling.temperature = 1, request.sampling.logprobs = i % 2 ? 0 : -1;
      running.push_back(engine.submit(request));
    }
    std::vector<InferenceEngine::LikelihoodRequest> scored;
    for (int32_t i = 0; i < 12; ++i)
      scored.push_back({.context = {1, 2, 3 + i}, .continuation = {4, 5, 6, 7 + i}});
    std::vector<double> logprobs;
    for (const auto& result : engine.log_likelihood(scored)) logprobs.push_back(result.logprob);
    std::vector<std::vector<int32_t>> ids;
    for (Generation& generation : running) ids.push_back(generation.wait().front().ids);
    return std::pair(ids, logprobs);
  };
  const auto sending = sending_fake();
  const auto got = run(sending), want = run(std::make_shared<FakeTransformer>());
  EXPECT_EQ(got.first, want.first);
  ASSERT_EQ(got.second.size(), want.second.size());
  for (size_t i = 0; i < got.second.size(); ++i) EXPECT_NEAR(got.second[i], want.second[i], 1e-5);
  EXPECT_GT(sending->mixed, 0);
}

TEST(SentLogits, ScoresKnownTokensWithoutTheirLogits) {
  std::vector<InferenceEngine::LikelihoodRequest> requests;
  for (int32_t i = 0; i < 5; ++i) {
    requests.push_back({.context = {1, 2, 3 + i}, .continuation = {4, 5, 6, 7 + i}});
    requests.push_back({.context = {}, .continuation = {9, 8, i}});
  }
  const auto plain = std::make_shared<FakeTransformer>();
  InferenceEngine greedy(testing::model_over(plain));
  requests.push_back({.context = {1, 2}, .continuation = greedy.generate(request_of({1, 2}, 4)).ids});
  const auto scoring = sending_fake();
  const auto found = [&](std::shared_ptr<FakeTransformer> fake, bool beside) {
    InferenceEngine engine(testing::model_over(std::move(fake)), EngineOptions{.max_step_tokens = 9});
    if (beside) engine.generate(request_of({1}, 3));
    return engine.log_likelihood(requests);
  };
  const auto want = found(plain, false), got = found(scoring, true);
  EXPECT_GT(scoring->scored, 30);
  EXPECT_EQ(scoring->whole, 0);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].token_logprobs, want[i].token_logprobs) << i;
    EXPECT_EQ(got[i].logprob, want[i].logprob);
    EXPECT_EQ(got[i].is_greedy, want[i].is_greedy);
  }
  EXPECT_TRUE(got.back().is_greedy);
}

TEST(SentLogits, ScoresBesideAnAnswerAsAlone) {
  const auto scoring = sending_fake();
  InferenceEngine engine(testing::model_over(scoring), EngineOptions{.max_step_tokens = 4});
  auto request = request_of({1, 2}, 200);
  request.sampling.ignore_eos = true;
  const std::vector<InferenceEngine::LikelihoodRequest> scored = {
      {.context = {1, 2, 3}, .continuation = {4, 5, 6, 7}}};
  const auto alone = engine.log_likelihood(scored);
  const int64_t scored_alone = scoring->scored;
  scoring->before_step = [](const auto&, const auto&) { std::this_thread::sleep_for(1ms); };
  const auto running = engine.submit(request);
  while (engine.stats().generated_tokens < 2) std::this_thread::sleep_for(1ms);
  const auto beside = engine.log_likelihood(scored);
  ASSERT_FALSE(running.done());
  EXPECT_EQ(scoring->scored, 2 * scored_alone);
  EXPECT_EQ(scoring->whole, 0);
  running.cancel();
  EXPECT_EQ(beside[0].token_logprobs, alone[0].token_logprobs);
}

}  // namespace
}  // namespace whorl
