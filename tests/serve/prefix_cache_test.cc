// A prompt that begins as one before it reads the pages of that one, and nothing else changes.
#include "serve/prefix_cache.h"

#include <gtest/gtest.h>

#include <set>

#include "serve/engine_fixture.h"

namespace whorl {
namespace {

using serve::PageAllocator;
using serve::PageLease;
using serve::PrefixCache;

using Tokens = std::vector<int32_t>;

// Fills the whole pages of `tokens` as a sequence would, behind what is known of them.
PrefixCache::Chain fill(PrefixCache& cache, const std::string& adapter, const Tokens& tokens) {
  PrefixCache::Chain chain = cache.find(adapter, tokens);
  const auto size = static_cast<size_t>(cache.page_size()), known = static_cast<size_t>(chain.size());
  PageLease lease = cache.acquire(static_cast<int64_t>(tokens.size() / size - known));
  const Tokens pages = lease.pages();
  for (size_t i = 0; i < pages.size(); ++i)
    cache.extend(chain, std::span(tokens).subspan((known + i) * size, size), pages[i], lease);
  return chain;
}

TEST(PrefixCache, FindsTheLongestBeginningOfTheSameAdapter) {
  PageAllocator pages(8);
  PrefixCache cache(pages, 2, true);
  const Tokens table = fill(cache, "a", {1, 2, 3, 4, 5, 6}).table();
  EXPECT_EQ(cache.unused(), 3);
  EXPECT_EQ(cache.find("a", Tokens{1, 2, 3, 4, 5, 6, 7}).table(), table);
  EXPECT_EQ(cache.find("a", Tokens{1, 2, 3, 4, 5}).table(), Tokens(table.begin(), table.begin() + 2));
  EXPECT_EQ(cache.find("a", Tokens{1, 2, 3, 9}).size(), 1);
  EXPECT_EQ(cache.find("a", Tokens{3, 4}).size(), 0) << "the same tokens elsewhere are others";
  EXPECT_EQ(cache.find("", Tokens{1, 2, 3, 4}).size(), 0);
  EXPECT_EQ(cache.find("b", Tokens{1, 2, 3, 4}).size(), 0);
}

TEST(PrefixCache, WhatIsReadStaysAndTheOldestGoesFirst) {
  PageAllocator pages(6);
  PrefixCache cache(pages, 1, true);
  fill(cache, "", {1, 2, 3});
  fill(cache, "", {1, 4});
  EXPECT_EQ(cache.unused(), 4);
  EXPECT_EQ(cache.available(), 6);
  const auto reader = cache.find("", Tokens{1, 4});
  EXPECT_EQ(cache.available(), 4);
  {
    const PageLease three = cache.acquire(3);  // two are free: the end of the oldest goes
    EXPECT_EQ(cache.find("", Tokens{1, 2, 3}).size(), 2);
  }
  const PageLease rest = cache.acquire(4);
  EXPECT_EQ(cache.find("", Tokens{1, 2, 3}).size(), 1) << "read as the beginning of another";
  EXPECT_EQ(cache.find("", Tokens{1, 4}).table(), reader.table());
  EXPECT_THROW(cache.acquire(1), std::logic_error);
}

TEST(PrefixCache, TheSameTokensAreKeptOnce) {
  PageAllocator pages(4);
  PrefixCache cache(pages, 2, true);
  PrefixCache::Chain first = cache.find("", Tokens{}), second = cache.find("", Tokens{});
  PageLease a = cache.acquire(1), b = cache.acquire(1);
  const int32_t page = a.pages()[0];
  cache.extend(first, Tokens{5, 6}, page, a);
  cache.extend(second, Tokens{5, 6}, b.pages()[0], b);
  EXPECT_TRUE(a.pages().empty());
  EXPECT_EQ(b.pages().size(), 1u);
  EXPECT_EQ(second.table(), Tokens{page});
  EXPECT_THROW(cache.extend(first, Tokens{7, 8}, page, b), std::logic_error) << "not its page";
}

GenerateRequest request_of(Tokens prompt, int64_t max_new_tokens, const std::string& adapter = "") {
  GenerateRequest request;
  request.prompt_ids = std::move(prompt);
  request.adapter = adapter;
  request.sampling.max_new_tokens = max_new_tokens;
  request.sampling.logprobs = 3;
  return request;
}

void expect_same(const GenerateResult& a, const GenerateResult& b) {
  EXPECT_EQ(a.ids, b.ids);
  ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
  for (size_t i = 0; i < a.logprobs.size(); ++i) {
    EXPECT_EQ(a.logprobs[i].logprob, b.logprobs[i].logprob);
    EXPECT_EQ(a.logprobs[i].top, b.logprobs[i].top);
  }
}

// Conversations over three adapters that grow turn by turn, in a cache so small that pages come and go.
TEST(PrefixCache, AnswersAreTheSameBitsWithAndWithout) {
  const Model model = testing::tiny_model();
  const int64_t vocab = model.config().vocab_size;
  EngineOptions options;
  options.page_size = 4;
  options.kv_cache_bytes = 60 * model.impl()->transformer->kv_bytes_per_page(4);
  EngineOptions without = options;
  without.prefix_cache = false;
  InferenceEngine cached(model, options), plain(model, without);
  for (const uint64_t seed : {1, 2})
    for (InferenceEngine* engine : {&cached, &plain})
      engine->add_adapter("a" + std::to_string(seed), testing::random_adapter(model, 4, seed));
  const Tokens instructions = testing::random_ids(9, 37, vocab);
  for (int round = 0; round < 3; ++round) {
    std::vector<GenerateRequest> requests;
    for (uint64_t i = 0; i < 6; ++i) {
      Tokens prompt = instructions;
      const Tokens question = testing::random_ids(i, 5 + 3 * static_cast<int64_t>(i), vocab);
      prompt.insert(prompt.end(), question.begin(), question.end());
      requests.push_back(request_of(prompt, 9, i % 3 == 0 ? "" : "a" + std::to_string(i % 3)));
    }
    const auto ours = cached.generate(requests), theirs = plain.generate(requests);
    for (size_t i = 0; i < requests.size(); ++i) expect_same(ours[i][0], theirs[i][0]);
    EXPECT_EQ(theirs[0][0].cached_tokens, 0);
  }
  const auto stats = cached.stats();
  EXPECT_GT(stats.cached_tokens, 6 * 36) << "more than one round's instructions";
  EXPECT_EQ(stats.cached_tokens + stats.prompt_tokens, plain.stats().prompt_tokens);
  EXPECT_EQ(stats.pages_used, 0);
  EXPECT_GT(stats.pages_cached, 0);
  EXPECT_EQ(plain.stats().cached_tokens, 0);
  EXPECT_EQ(plain.stats().pages_cached, 0);
}

TEST(PrefixCache, ANextTurnReadsTheAnswerToo) {
  InferenceEngine engine(testing::fake_model(), {.page_size = 4});
  Tokens talk = testing::random_ids(1, 10, 40);
  auto answer = engine.generate(request_of(talk, 9));
  EXPECT_EQ(answer.cached_tokens, 0);
  talk.insert(talk.end(), answer.ids.begin(), answer.ids.end());
  talk.push_back(5);
  // 19 tokens of which the last was never fed: 4 whole pages.
  answer = engine.generate(request_of(talk, 2));
  EXPECT_EQ(answer.cached_tokens, 16);
  InferenceEngine other(testing::fake_model(), {.prefix_cache = false});
  expect_same(answer, other.generate(request_of(talk, 2)));
}

TEST(PrefixCache, TheLastTokenIsAlwaysFed) {
  InferenceEngine engine(testing::fake_model(), {.page_size = 4});
  const Tokens prompt = testing::random_ids(3, 8, 40);
  const auto first = engine.generate(request_of(prompt, 3)), again = engine.generate(request_of(prompt, 3));
  expect_same(first, again);
  EXPECT_EQ(again.cached_tokens, 4);
}

TEST(PrefixCache, SamplesBeginWhereAnEarlierPromptEnded) {
  InferenceEngine engine(testing::fake_model(), {.page_size = 4}),
      plain(testing::fake_model(), {.prefix_cache = false});
  const Tokens prompt = testing::random_ids(4, 22, 40);
  engine.generate(request_of(Tokens(prompt.begin(), prompt.begin() + 13), 1));
  auto request = request_of(prompt, 6);
  request.sampling.n = 3;
  request.sampling.temperature = 1;
  for (int round = 0; round < 2; ++round) {
    const auto ours = engine.generate(std::vector{request}), theirs = plain.generate(std::vector{request});
    for (size_t i = 0; i < 3; ++i) expect_same(ours[0][i], theirs[0][i]);
    EXPECT_EQ(ours[0][0].cached_tokens, round == 0 ? 12 : 20);
    EXPECT_EQ(ours[0][1].cached_tokens, 20);
  }
}

TEST(PrefixCache, LikelihoodsAreTheSameWhateverWasRead) {
  const Model model = testing::tiny_model();
  InferenceEngine cached(model, {.page_size = 4}), plain(model, {.prefix_cache = false});
  std::vector<InferenceEngine::LikelihoodRequest> requests;
  const Tokens shots = testing::random_ids(5, 30, 97);
  for (uint64_t i = 0; i < 4; ++i)
    requests.push_back({.context = shots, .continuation = testing::random_ids(i, 7, 97)});
  requests.push_back({.context = {}, .continuation = shots});
  for (int round = 0; round < 2; ++round) {
    const auto ours = cached.log_likelihood(requests), theirs = plain.log_likelihood(requests);
    for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(ours[i].token_logprobs, theirs[i].token_logprobs);
  }
  EXPECT_GE(cached.stats().cached_tokens, 4 * 28);
}

// Pages that somebody reads are never given to another, whatever comes and goes: the fake's logits are a hash
// of what is found in them.
TEST(PrefixCache, ManyConversationsInASmallCache) {
  const Model model = testing::fake_model();
  InferenceEngine cached(
      model, {.max_batch_size = 5, .max_step_tokens = 17, .kv_cache_bytes = 40 * 4 * 3, .page_size = 3}),
      plain(model, {.prefix_cache = false});
  for (const uint64_t seed : {1, 2})
    for (InferenceEngine* engine : {&cached, &plain})
      engine->add_adapter("a" + std::to_string(seed), testing::random_adapter(model, 4, seed));
  auto roll = [i = uint64_t{0}](uint64_t n) mutable { return base::below(77, i++, n); };
  for (int round = 0; round < 60; ++round) {
    std::vector<GenerateRequest> requests;
    for (int i = 0; i < 8; ++i) {
      Tokens prompt = testing::random_ids(roll(3), 1 + static_cast<int64_t>(roll(40)), 3);
      for (uint64_t n = roll(20); n > 0; --n) prompt.push_back(static_cast<int32_t>(roll(2)));
      const uint64_t adapter = roll(3);
      requests.push_back(request_of(prompt, 1 + static_cast<int64_t>(roll(30)),
                                    adapter == 0 ? "" : "a" + std::to_string(adapter)));
      requests.back().sampling.n = 1 + static_cast<int64_t>(roll(2));
      requests.back().sampling.temperature = 1;
    }
    const auto ours = cached.generate(requests), theirs = plain.generate(requests);
    for (size_t i = 0; i < requests.size(); ++i)
      for (size_t n = 0; n < ours[i].size(); ++n) EXPECT_EQ(ours[i][n].ids, theirs[i][n].ids) << round;
  }
  EXPECT_GT(cached.stats().cached_tokens, 1000);
  EXPECT_EQ(cached.stats().pages_used, 0);
}

}  // namespace
}  // namespace whorl
