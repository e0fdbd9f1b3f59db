// Guesses from what was said before: what they are, and that an answer knows nothing of them.
#include "serve/prompt_lookup.h"

#include <gtest/gtest.h>

#include "serve/engine_fixture.h"

namespace whorl {
namespace {

using serve::PromptLookup;
using testing::FakeTransformer;

std::vector<int32_t> guess(const std::vector<int32_t>& tokens, const PromptLookup& lookup = PromptLookup(4)) {
  std::vector<int32_t> out = {99};
  lookup.guess(tokens, out);
  return out;
}

TEST(PromptLookup, GoesOnAsItDidBefore) {
  using V = std::vector<int32_t>;
  EXPECT_EQ(guess({1, 2, 3, 4, 5, 6, 7, 1, 2}), (V{3, 4, 5, 6}));
  EXPECT_EQ(guess({1, 2, 3, 1, 2, 4, 1, 2}), (V{4, 1, 2, 4}));  // the later of two alike, and round again
  EXPECT_EQ(guess({8, 1, 2, 3, 9, 1, 2, 4, 8, 1, 2}),
            (V{3, 9, 1, 2}));  // the longer one before the later one
  EXPECT_EQ(guess({5, 5, 5}), (V{5, 5, 5, 5}));
  EXPECT_EQ(guess({1, 2, 3, 2}), V{});  // one token alone says too little
  EXPECT_EQ(guess({1, 2}), V{});
  EXPECT_EQ(guess({}), V{});
  EXPECT_EQ(guess({1, 2, 3, 1, 2}, PromptLookup(0)), V{});
  EXPECT_EQ(guess({1, 2, 3, 1, 2}, PromptLookup(1)), (V{3}));
}

TEST(PromptLookup, GuessesLessWhereItIsWrong) {
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 1, 2};
  PromptLookup lookup(10);
  const auto made = [&] { return guess(tokens, lookup).size(); };
  EXPECT_EQ(made(), 4u);
  lookup.learn(4, 4);
  EXPECT_EQ(made(), 8u);
  lookup.learn(8, 8);
  EXPECT_EQ(made(), 10u);
  lookup.learn(10, 3);
  EXPECT_EQ(made(), 4u);
  lookup.learn(4, 0);
  EXPECT_EQ(made(), 1u);
  lookup.learn(0, 0);  // none was fed: nothing is learnt
  EXPECT_EQ(made(), 1u);
  lookup.learn(1, 1);
  EXPECT_EQ(made(), 2u);
}

// Mostly goes round in a circle that depends on the adapter, and now and then says something else: what the
// fake's hash of all that it finds in the cache decides, so that one wrong number there shows.
class CirclingTransformer : public FakeTransformer {
 public:
  CirclingTransformer() : FakeTransformer(40, 512) {}
  Tensor step(const model::Batch& batch, std::span<const ops::PagedSequence> sequences, model::KvCache& cache,
              std::span<const int32_t> logit_rows) const override {
    Tensor logits = FakeTransformer::step(batch, sequences, cache, logit_rows);
    most_rows = std::max<int64_t>(most_rows, std::ssize(batch.ids));
    most_logits = std::max<int64_t>(most_logits, std::ssize(logit_rows));
    for (size_t i = 0; i < logit_rows.size(); ++i) {
      float* const row = logits.data<float>() + static_cast<int64_t>(i) * config_.vocab_size;
      const bool wanders = row[0] > 5;  // one in twenty
      const int32_t id = batch.ids[static_cast<size_t>(logit_rows[i])];
      const int32_t step = adapter_of(batch, logit_rows[i]) ? 3 : 1;
      if (!wanders) row[5 + (id + step) % 7] += 20;
    }
    return logits;
  }
  mutable int64_t most_rows = 0, most_logits = 0;  // of a step, by the engine's one thread
};

struct Answers {
  std::vector<GenerateResult> results;
  EngineStats stats;
  int64_t most_rows, most_logits;
};

Answers run(std::vector<GenerateRequest> requests, int64_t lookup, const EngineOptions& options = {}) {
  const auto fake = std::make_shared<CirclingTransformer>();
  const Model model = testing::model_over(fake);
  InferenceEngine engine(model, options);
  engine.add_adapter("three", testing::random_adapter(model, 1, 1));
  for (GenerateRequest& request : requests) request.sampling.prompt_lookup_num_tokens = lookup;
  Answers out;
  for (auto& samples : engine.generate(requests))
    for (auto& sample : samples) out.results.push_back(std::move(sample));
  out.stats = engine.stats();
  out.most_rows = fake->most_rows, out.most_logits = fake->most_logits;
  return out;
}

std::vector<GenerateRequest> requests_of(const SamplingOptions& sampling, size_t count) {
  std::vector<GenerateRequest> out(count);
  for (size_t i = 0; i < count; ++i) {
    for (size_t t = 0; t < 5 + 3 * i; ++t)
      out[i].prompt_ids.push_back(static_cast<int32_t>((3 * t + i) % 40));
    out[i].sampling = sampling;
    if (i % 2 == 1) out[i].adapter = "three";
  }
  return out;
}

void expect_same(const Answers& a, const Answers& b) {
  ASSERT_EQ(a.results.size(), b.results.size());
  for (size_t i = 0; i < a.results.size(); ++i) {
    EXPECT_EQ(a.results[i].ids, b.results[i].ids) << i;
    EXPECT_EQ(a.results[i].finish_reason, b.results[i].finish_reason);
    ASSERT_EQ(a.results[i].logprobs.size(), b.results[i].logprobs.size());
    for (size_t t = 0; t < a.results[i].logprobs.size(); ++t)
      EXPECT_EQ(a.results[i].logprobs[t].logprob, b.results[i].logprobs[t].logprob) << i << " " << t;
  }
  EXPECT_EQ(a.stats.generated_tokens, b.stats.generated_tokens);
  EXPECT_EQ(a.stats.pages_used, 0);
}

TEST(PromptLookup, AnswersAreTheSameInFewerSteps) {
  const std::vector<SamplingOptions> cases = {
      {.max_new_tokens = 150},
      {.max_new_tokens = 150, .temperature = .8, .seed = 5},
      {.max_new_tokens = 150, .temperature = 1, .top_k = 4, .seed = 6},
      {.max_new_tokens = 90, .temperature = .7, .top_p = .9, .seed = 7, .n = 3},
      {.max_new_tokens = 120, .logprobs = 2},
      {.max_new_tokens = 120, .repetition_penalty = 1.01},
      {.max_new_tokens = 150, .stop_token_ids = {37}}};
  for (size_t c = 0; c < cases.size(); ++c)
    for (const int64_t page_size : {1, 4, 16}) {
      const EngineOptions options{.page_size = page_size};
      const auto requests = requests_of(cases[c], 3);
      const Answers plain = run(requests, 0, options), guessing = run(requests, 8, options);
      expect_same(plain, guessing);
      EXPECT_EQ(plain.stats.guessed_tokens, 0);
      EXPECT_GT(guessing.stats.accepted_tokens, guessing.stats.generated_tokens / 8) << c;
      EXPECT_GT(guessing.stats.guessed_tokens, guessing.stats.accepted_tokens) << c;  // some were wrong
      EXPECT_LT(guessing.stats.steps, plain.stats.steps) << c;
    }
}

TEST(PromptLookup, KeepsWithinTheStepAndThePages) {
  const auto requests = requests_of({.max_new_tokens = 60}, 5);
  const EngineOptions narrow{.max_step_tokens = 6, .page_size = 4};
  const Answers plain = run(requests, 0, narrow), guessing = run(requests, 32, narrow);
  expect_same(plain, guessing);
  EXPECT_LE(guessing.most_rows, 5 + 6);
  const auto many = requests_of({.max_new_tokens = 100}, 24);
  const Answers wide = run(many, 32);
  expect_same(run(many, 0), wide);
  EXPECT_LE(wide.most_logits, 64);
  EXPECT_GT(wide.most_logits, 30);
}

// A second turn finds as many pages as without guesses, those that they filled among them.
TEST(PromptLookup, KeepsThePagesThatGuessesFilled) {
  const auto cached = [](int64_t lookup, int64_t page_size, int64_t max_new_tokens) {
    InferenceEngine engine(testing::model_over(std::make_shared<CirclingTransformer>()),
                           EngineOptions{.page_size = page_size});
    GenerateRequest request = requests_of({.max_new_tokens = max_new_tokens}, 1)[0];
    request.sampling.prompt_lookup_num_tokens = lookup;
    const GenerateResult first = engine.generate(request);
    request.prompt_ids.insert(request.prompt_ids.end(), first.ids.begin(), first.ids.end());
    request.prompt_ids.push_back(2);
    const GenerateResult second = engine.generate(request);
    return std::pair(second.ids, second.cached_tokens);
  };
  for (const int64_t page_size : {1, 4})
    for (const int64_t n : {90, 91, 92, 93, 94}) {
      const auto plain = cached(0, page_size, n);
      EXPECT_GT(plain.second, 80);
      EXPECT_EQ(cached(8, page_size, n), plain) << page_size << " " << n;
    }
}

// The tiny model that computes: log-probabilities bit for bit, whatever was guessed beside them.
TEST(PromptLookup, TheModelSaysTheSameBits) {
  const Model model = testing::tiny_model();
  const auto answers = [&](int64_t lookup) {
    InferenceEngine engine(model, EngineOptions{.page_size = 8});
    std::vector<GenerateRequest> requests(2);
    for (int32_t t = 0; t < 40; ++t)
      requests[0].prompt_ids.push_back(t % 5 + 3), requests[1].prompt_ids.push_back(t % 9 + 20);
    for (GenerateRequest& request : requests)
      request.sampling = {
          .max_new_tokens = 100, .ignore_eos = true, .logprobs = 0, .prompt_lookup_num_tokens = lookup};
    std::vector<std::pair<std::vector<int32_t>, std::vector<double>>> out;
    for (const auto& samples : engine.generate(requests)) {
      out.emplace_back(samples[0].ids, std::vector<double>());
      for (const auto& token : samples[0].logprobs) out.back().second.push_back(token.logprob);
    }
    return std::pair(out, engine.stats().accepted_tokens);
  };
  const auto plain = answers(0), guessing = answers(8);
  EXPECT_EQ(plain.first, guessing.first);
  EXPECT_GT(guessing.second, 20);
}

TEST(PromptLookup, StreamsEveryTokenOnceInOrder) {
  const auto fake = std::make_shared<CirclingTransformer>();
  InferenceEngine engine(testing::model_over(fake));
  GenerateRequest request = requests_of({.max_new_tokens = 100}, 1)[0];
  request.sampling.prompt_lookup_num_tokens = 8;
  std::vector<int32_t> streamed;
  size_t events = 0;
  auto generation = engine.submit(request, [&](const StreamEvent& event) {
    streamed.insert(streamed.end(), event.ids.begin(), event.ids.end());
    ++events;
    return true;
  });
  const auto results = generation.wait();
  EXPECT_EQ(streamed, results[0].ids);
  EXPECT_LT(events, 100u);
}

}  // namespace
}  // namespace whorl
