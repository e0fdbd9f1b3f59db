// Tokens from logits: each rule against a value worked out by hand or a brute-force reading of its
// definition.
#include "serve/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/random.h"
#include "ops/device.h"
#include "ops/forwarding_backend.h"

namespace whorl::serve {
namespace {

using Logits = std::vector<float>;

// How often each id is drawn over `draws` seeds.
std::map<int32_t, int> histogram(const SamplingOptions& options, const Logits& logits, int draws,
                                 std::vector<uint32_t> mask = {}) {
  std::map<int32_t, int> out;
  SamplerScratch scratch;
  for (int i = 0; i < draws; ++i)
    ++out[Sampler(options, static_cast<uint64_t>(i), {}).choose(logits, mask, scratch)];
  return out;
}

Logits log_of(const std::vector<double>& probabilities) {
  Logits out;
  for (const double p : probabilities) out.push_back(static_cast<float>(std::log(p)));
  return out;
}

TEST(Sampler, GreedyTakesTheLikeliestAndTheLeastIdOfATie) {
  SamplerScratch scratch;
  EXPECT_EQ(Sampler({}, 0, {}).choose(Logits{1, 3, 2, 3}, {}, scratch), 1);
}

TEST(Sampler, DrawsFollowTheDistribution) {
  const auto counts = histogram({.temperature = 1}, log_of({.5, .3, .2}), 30000);
  // Five standard errors of a share of .5 over 30,000 draws are .0145.
  EXPECT_NEAR(counts.at(0) / 3e4, .5, .0145);
  EXPECT_NEAR(counts.at(1) / 3e4, .3, .0145);
  EXPECT_NEAR(counts.at(2) / 3e4, .2, .0145);
}

TEST(Sampler, TemperatureSharpens) {
  // p^(1/T) with T = 0.5: .25 : .09 : .04
  const auto counts = histogram({.temperature = .5}, log_of({.5, .3, .2}), 30000);
  EXPECT_NEAR(counts.at(0) / 3e4, .25 / .38, .0145);
}

TEST(Sampler, TinyTemperatureIsGreedyAndStaysFinite) {
  const auto counts = histogram({.temperature = 1e-6}, {1, 1.001f, -50}, 200);
  EXPECT_EQ(counts.size(), 1u);
  EXPECT_TRUE(counts.contains(1));
}

TEST(Sampler, TopKKeepsTheKLikeliestAndTheirProportions) {
  const auto counts = histogram({.temperature = 1, .top_k = 2}, log_of({.2, .5, .3}), 20000);
  EXPECT_FALSE(counts.contains(0));
  EXPECT_NEAR(counts.at(1) / 2e4, .625, .018);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  const auto probabilities = log_of({.5, .3, .15, .05});
  EXPECT_EQ(histogram({.temperature = 1, .top_p = .79}, probabilities, 5000).size(), 2u);
  EXPECT_EQ(histogram({.temperature = 1, .top_p = .81}, probabilities, 5000).size(), 3u);
  EXPECT_EQ(histogram({.temperature = 1, .top_p = .01}, probabilities, 500).size(), 1u);
}

TEST(Sampler, TopPIsAShareOfWhatTopKLeaves) {
  // After top_k 2 the shares are .625 and .375, so .6 is reached by the first alone.
  EXPECT_EQ(histogram({.temperature = 1, .top_k = 2, .top_p = .6}, log_of({.5, .3, .2}), 2000).size(), 1u);
}

TEST(Sampler, TopPOfTopKIsTheSmallestSetThatReachesIt) {
  const auto probabilities = log_of({.1, .3, .05, .5, .05});  // top_k 3 leaves .9
  const auto kept = [&](double top_p) {
    return histogram({.temperature = 1, .top_k = 3, .top_p = top_p}, probabilities, 5000).size();
  };
  EXPECT_EQ(kept(.55), 1u);
  EXPECT_EQ(kept(.56), 2u);
  EXPECT_EQ(kept(.88), 2u);
  EXPECT_EQ(kept(.89), 3u);
}

TEST(Sampler, MinPHoldsWithinTopK) {
  const auto probabilities = log_of({.05, .5, .15, .3});  // 1, .6 and .3 of the likeliest
  const auto kept = [&](double min_p) {
    return histogram({.temperature = 1, .top_k = 3, .min_p = min_p}, probabilities, 5000).size();
  };
  EXPECT_EQ(kept(.29), 3u);
  EXPECT_EQ(kept(.31), 2u);
  EXPECT_EQ(kept(.61), 1u);
}

TEST(Sampler, MinPIsRelativeToTheLikeliest) {
  EXPECT_EQ(histogram({.temperature = 1, .min_p = .35}, log_of({.5, .3, .2}), 5000).size(), 3u);
  EXPECT_EQ(histogram({.temperature = 1, .min_p = .45}, log_of({.5, .3, .2}), 5000).size(), 2u);
}

TEST(Sampler, TopPOverALargeVocabularyEqualsAFullSort) {
  // More kept tokens than the first partial sort covers.
  Logits logits(5000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(base::normal(7, i));
  std::vector<double> weights;
  for (const float x : logits) weights.push_back(std::exp(x));
  std::sort(weights.rbegin(), weights.rend());
  double total = 0, before = 0;
  for (const double w : weights) total += w;
  size_t kept = 0;
  while (before < .6 * total) before += weights[kept++];
  const double least = std::log(weights[kept - 1]);
  SamplerScratch scratch;
  double lowest = 1e9;
  for (uint64_t seed = 0; seed < 600; ++seed) {
    const int32_t id = Sampler({.temperature = 1, .top_p = .6}, seed, {}).choose(logits, {}, scratch);
    lowest = std::min(lowest, static_cast<double>(logits[static_cast<size_t>(id)]));
  }
  EXPECT_GE(lowest, least - 1e-6);
  EXPECT_LT(lowest, least + .1);
}

TEST(Sampler, RepetitionPenaltyDividesPositiveAndMultipliesNegativeScores) {
  SamplerScratch scratch;
  const std::vector<int32_t> prompt = {0};
  EXPECT_EQ(Sampler({.repetition_penalty = 2}, 0, prompt).choose(Logits{3, 1.6f, 0}, {}, scratch),
            1);  // 3 -> 1.5
  EXPECT_EQ(Sampler({.repetition_penalty = 2}, 0, prompt).choose(Logits{3, 1.4f, 0}, {}, scratch), 0);
  EXPECT_EQ(Sampler({.repetition_penalty = 2}, 0, prompt).choose(Logits{-1, -1.9f, -9}, {}, scratch),
            1);  // -1 -> -2
}

TEST(Sampler, PresenceCountsOnceFrequencyEachTime) {
  SamplerScratch scratch;
  Sampler presence({.presence_penalty = 1}, 0, {});
  EXPECT_EQ(presence.choose(Logits{2, .5f}, {}, scratch), 0);
  EXPECT_EQ(presence.choose(Logits{2, .5f}, {}, scratch), 0);  // 1 > .5, and stays 1
  EXPECT_EQ(presence.choose(Logits{2, .5f}, {}, scratch), 0);
  Sampler frequency({.frequency_penalty = 1}, 0, {});
  EXPECT_EQ(frequency.choose(Logits{2, .5f}, {}, scratch), 0);
  EXPECT_EQ(frequency.choose(Logits{2, .5f}, {}, scratch), 0);  // 1
  EXPECT_EQ(frequency.choose(Logits{2, .5f}, {}, scratch), 1);  // 0
}

TEST(Sampler, PromptDoesNotCountForPresence) {
  SamplerScratch scratch;
  const std::vector<int32_t> prompt = {0};
  EXPECT_EQ(Sampler({.presence_penalty = 5}, 0, prompt).choose(Logits{2, 1}, {}, scratch), 0);
  Sampler both({.repetition_penalty = 2, .presence_penalty = 5}, 0, prompt);
  EXPECT_EQ(both.choose(Logits{4, 1}, {}, scratch), 0);  // 2
  EXPECT_EQ(both.choose(Logits{4, 1}, {}, scratch), 1);  // -3
}

TEST(Sampler, MaskForbids) {
  SamplerScratch scratch;
  const std::vector<uint32_t> mask = {0b100};
  EXPECT_EQ(Sampler({}, 0, {}).choose(Logits{9, 8, -4}, mask, scratch), 2);
  EXPECT_THROW(Sampler({}, 0, {}).choose(Logits{9, 8, -4}, std::vector<uint32_t>{0}, scratch),
               std::runtime_error);
}

TEST(Sampler, NotFiniteLogitsAreAnErrorEvenWhereTheMaskHidesThem) {
  SamplerScratch scratch;
  const std::vector<uint32_t> mask = {0b001};
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    EXPECT_THROW(Sampler({}, 0, {}).choose(Logits{1, bad}, mask, scratch), std::runtime_error);
}

TEST(Sampler, SameSeedAndPositionGiveTheSameDraw) {
  const Logits flat(1000, 0.f);
  SamplerScratch scratch;
  Sampler a({.temperature = 1}, 5, {}), b({.temperature = 1}, 5, {}), c({.temperature = 1}, 6, {});
  std::vector<int32_t> xs, ys, zs;
  for (int i = 0; i < 20; ++i) {
    xs.push_back(a.choose(flat, {}, scratch));
    ys.push_back(b.choose(flat, {}, scratch));
    zs.push_back(c.choose(flat, {}, scratch));
  }
  EXPECT_EQ(xs, ys);
  EXPECT_NE(xs, zs);
  EXPECT_NE(xs[0], xs[1]);  // positions draw apart
}

TEST(Sampler, ChoosesWhatADeviceDraws) {
  // Without the CPU's own exponentials, which are others in the last bit.
  const ops::ForwardingBackend device(ops::make_backend("cpu", 1));
  const std::vector<SamplingOptions> cases = {{},
                                              {.temperature = .7, .top_k = 1},
                                              {.temperature = 1},
                                              {.temperature = 1.3, .top_k = 40, .top_p = .9},
                                              {.temperature = 1, .top_k = 7, .top_p = .5, .min_p = .1},
                                              {.temperature = 2, .top_k = 640, .min_p = .2},
                                              {.temperature = 1.5, .top_p = .8},
                                              {.temperature = 3, .top_p = .9999},
                                              {.temperature = 1e-50, .top_p = .9},
                                              {.temperature = 1, .top_p = 1e-9, .min_p = 1},
                                              {.temperature = 5, .min_p = .01},
                                              {.repetition_penalty = 1.3},
                                              {.presence_penalty = .7, .frequency_penalty = .4},
                                              {.temperature = 1,
                                               .top_p = .9,
                                               .repetition_penalty = .8,
                                               .presence_penalty = -.3,
                                               .frequency_penalty = 2}};
  const std::vector<int32_t> prompt = {3, 5, 3, 699};
  SamplerScratch scratch;
  for (const SamplingOptions& options : cases)
    for (uint64_t seed = 0; seed < 60; ++seed) {
      Logits logits;  // many of them equal in every second round
      std::vector<uint32_t> mask;
      for (uint64_t i = 0; i < 700 + 300 * (seed % 4); ++i)
        logits.push_back(seed % 2 ? .25f * static_cast<float>(base::below(seed, i, 40))
                                  : static_cast<float>(3 * base::normal(seed, i)));
      for (uint64_t i = 0; i < (seed % 3 ? 0 : (logits.size() + 31) / 32); ++i)
        mask.push_back(static_cast<uint32_t>(base::random_bits(seed, i)) | 1u);
      Sampler here(options, seed, prompt), there(options, seed, prompt);
      for (int64_t ahead = 0; ahead < 4; ++ahead) {
        ops::Draw how = there.next_draw(0);
        EXPECT_EQ(Sampler(options, seed, {}).next_draw(ahead).uniform, how.uniform);
        how.allowed = mask;
        ASSERT_EQ(there.take(ops::draw_row(device, logits, how)), here.choose(logits, mask, scratch)) << seed;
      }
    }
}

TEST(Sampler, CountsWhatIsPenalised) {
  const std::vector<int32_t> prompt = {3, 5, 3};
  const auto penalties = [&](const SamplingOptions& options) {
    Sampler sampler(options, 0, prompt);
    for (const int32_t id : {5, 7, 5}) sampler.take(id);
    EXPECT_EQ(sampler.penalties(), std::ssize(sampler.next_draw(0).penalties));
    return sampler.penalties();
  };
  EXPECT_EQ(penalties({}), 0);
  EXPECT_EQ(penalties({.repetition_penalty = 1.1}), 3);
  EXPECT_EQ(penalties({.presence_penalty = 1}), 2);
  EXPECT_EQ(penalties({.frequency_penalty = -1}), 2);
}

TEST(Sampler, RefusesADrawOfBrokenLogits) {
  Sampler sampler({.temperature = 1}, 0, {});
  EXPECT_THROW(sampler.take(ops::kBrokenLogits), std::runtime_error);
  EXPECT_THROW(sampler.take(ops::kNothingLikely), std::runtime_error);
  EXPECT_EQ(sampler.take(3), 3);
}

TEST(Logprobs, SumToOne) {
  const auto logits = log_of({.1, .2, .3, .4});
  EXPECT_NEAR(log_sum_exp(logits, logits[3]), 0, 1e-7);
  EXPECT_NEAR(log_sum_exp(Logits{1000, 1000}, 1000), 1000 + std::log(2.), 1e-9);
  EXPECT_EQ(largest(Logits{1, 3, 3, 2}, 3), (std::vector<int32_t>{1, 2, 3}));
}

// A vocabulary of several blocks and a rest: ranks are those of a full sort, draws those of the distribution.
Logits many_logits(size_t n, uint64_t seed) {
  Logits out;
  for (uint64_t i = 0; i < n; ++i) out.push_back(.125f * static_cast<float>(base::below(seed, i, 60)));
  return out;
}

TEST(Ranks, AreThoseOfAFullSort) {
  for (const size_t n : {1, 5, 255, 256, 257, 900, 2048})
    for (const int64_t k : {0, 1, 2, 20, 255, 256, 300, 4000}) {
      const Logits logits = many_logits(n, n + static_cast<size_t>(k));
      std::vector<int32_t> order(n);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
      });
      order.resize(std::min(n, static_cast<size_t>(k)));
      EXPECT_EQ(largest(logits, k), order) << n << " " << k;
    }
}

// With and without a backend that makes the exponentials.
TEST(Sampler, DrawsFromALargeVocabularyFollowTheDistribution) {
  const auto cpu = ops::make_backend("cpu", 1);
  const Logits logits = many_logits(900, 3);
  for (const ops::Backend* backend : std::vector<const ops::Backend*>{nullptr, cpu.get()})
    for (const SamplingOptions& options :
         {SamplingOptions{.temperature = 1.5}, SamplingOptions{.temperature = 1.5, .top_p = .6},
          SamplingOptions{.temperature = 1.5, .min_p = .3},
          SamplingOptions{.temperature = 1.5, .top_k = 100}}) {
      std::vector<int32_t> order = largest(logits, 900);
      std::vector<double> p;
      double total = 0;
      for (const int32_t id : order)
        p.push_back(std::exp((logits[static_cast<size_t>(id)] - 7.375) / 1.5)), total += p.back();
      double mass = 0, kept = 0;
      for (size_t i = 0; i < p.size(); ++i) {
        const bool in = (options.top_k == 0 || static_cast<int64_t>(i) < options.top_k) &&
                        (options.top_p == 1 || mass < options.top_p * total) && p[i] >= options.min_p * p[0];
        mass += p[i];
        if (!in) p[i] = 0;
        kept += p[i];
      }
      constexpr int kDraws = 20000;
      std::map<int32_t, int> counts;
      SamplerScratch scratch;
      scratch.backend = backend;
      for (int i = 0; i < kDraws; ++i)
        ++counts[Sampler(options, static_cast<uint64_t>(i), {}).choose(logits, {}, scratch)];
      double worst = 0;  // of blocks of ids: enough draws fall into each
      for (int32_t begin = 0; begin < 900; begin += 100) {
        double expected = 0, got = 0;
        for (size_t i = 0; i < p.size(); ++i)
          if (order[i] / 100 == begin / 100) expected += p[i] / kept, got += counts[order[i]];
        worst = std::max(worst, std::abs(got / kDraws - expected));
      }
      EXPECT_LT(worst, .0145);
      for (size_t i = 0; i < p.size(); ++i) EXPECT_TRUE(p[i] > 0 || counts[order[i]] == 0);
    }
}

TEST(Sampler, TheLeastTemperatureOfAllIsGreedy) {
  const auto cpu = ops::make_backend("cpu", 1);
  SamplerScratch scratch;
  for (const ops::Backend* backend : std::vector<const ops::Backend*>{nullptr, cpu.get()}) {
    scratch.backend = backend;
    const Logits logits = many_logits(900, 3);
    for (const double t : {5e-324, 1e-40, 1e-7})
      for (const SamplingOptions& options :
           {SamplingOptions{.temperature = t}, SamplingOptions{.temperature = t, .top_p = .9},
            SamplingOptions{.temperature = t, .top_k = 20, .top_p = .9}})
        EXPECT_EQ(logits[static_cast<size_t>(Sampler(options, 1, {}).choose(logits, {}, scratch))],
                  logits[static_cast<size_t>(argmax(logits))]);
  }
}

TEST(Logprobs, OfABackendAreThoseOfDoubles) {
  const auto cpu = ops::make_backend("cpu", 1);
  for (const size_t n : {1, 17, 900, 5000}) {
    const Logits logits = many_logits(n, n);
    const float best = logits[static_cast<size_t>(argmax(logits))];
    EXPECT_NEAR(log_sum_exp(logits, best, cpu.get()), log_sum_exp(logits, best), 1e-6);
  }
}

struct BadField {
  const char* name;
  std::function<void(SamplingOptions&)> set;
};

TEST(CheckSampling, EveryFieldIsCheckedAndNamed) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const std::vector<BadField> cases = {
      {"max_new_tokens", [](auto& s) { s.max_new_tokens = 0; }},
      {"max_new_tokens", [](auto& s) { s.max_new_tokens = 101; }},
      {"max_new_tokens", [](auto& s) { s.max_new_tokens = std::numeric_limits<int64_t>::max(); }},
      {"temperature", [](auto& s) { s.temperature = -1; }},
      {"temperature", [&](auto& s) { s.temperature = nan; }},
      {"temperature", [&](auto& s) { s.temperature = inf; }},
      {"top_k", [](auto& s) { s.top_k = -1; }},
      {"top_p", [](auto& s) { s.top_p = 0; }},
      {"top_p", [](auto& s) { s.top_p = 1.1; }},
      {"min_p", [](auto& s) { s.min_p = -.1; }},
      {"repetition_penalty", [](auto& s) { s.repetition_penalty = 0; }},
      {"presence_penalty", [&](auto& s) { s.presence_penalty = nan; }},
      {"frequency_penalty", [&](auto& s) { s.frequency_penalty = inf; }},
      {"logprobs", [](auto& s) { s.logprobs = 21; }},
      {"logprobs", [](auto& s) { s.logprobs = -2; }},
      {"n", [](auto& s) { s.n = 0; }},
      {"n", [](auto& s) { s.n = 65; }},
      {"prompt_lookup_num_tokens", [](auto& s) { s.prompt_lookup_num_tokens = -1; }},
      {"prompt_lookup_num_tokens", [](auto& s) { s.prompt_lookup_num_tokens = 33; }},
      {"stop", [](auto& s) { s.stop = {""}; }},
      {"stop", [](auto& s) { s.stop.assign(17, "x"); }},
      {"stop", [](auto& s) { s.stop = {std::string(1025, 'x')}; }},
      {"stop_token_ids", [](auto& s) { s.stop_token_ids = {-1}; }},
      {"stop_token_ids", [](auto& s) { s.stop_token_ids = {50}; }},
  };
  for (const auto& bad : cases) {
    SamplingOptions options{.max_new_tokens = 10};
    check_sampling(options, 100, 50);
    bad.set(options);
    try {
      check_sampling(options, 100, 50);
      ADD_FAILURE() << bad.name << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(bad.name), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace whorl::serve
