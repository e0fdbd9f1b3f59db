// Statistics against scipy, statsmodels, sacrebleu and Python's random, and against what must hold anyway.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "eval/estimates.h"
#include "eval/generators.h"
#include "eval/golden.h"
#include "whorl/evaluator.h"
#include "whorl/statistics.h"

namespace whorl {
namespace {

using base::Json;
using golden::numbers;
using golden::same_bits;
using golden::texts;

TEST(Generators, DrawAsNumpyAndPythonDo) {
  const Json vectors = golden::read("statistics");
  for (const auto& [text, expected] : vectors["generators"].items()) {
    const uint64_t seed = std::stoull(text);
    eval::Pcg64 numpy(seed);
    for (const auto& x : expected["choice"]) EXPECT_EQ(numpy.below(1000), x.get<int64_t>()) << seed;
    for (const auto& x : expected["odd"]) EXPECT_EQ(numpy.below(3'000'000'001), x.get<int64_t>()) << seed;
    numpy.start_bits();
    for (const auto& x : expected["bits"]) EXPECT_EQ(numpy.next_bit(), x.get<int>() == 1) << seed;
    for (const auto& x : expected["after"]) EXPECT_EQ(numpy.below(7), x.get<int64_t>()) << seed;
    eval::PythonRandom python(seed);
    for (const auto& x : expected["python"]) EXPECT_EQ(python.choice(97), x.get<int64_t>()) << seed;
  }
}

TEST(Estimates, NormalQuantilesAreScipys) {
  const Json vectors = golden::read("statistics");
  for (const auto& q : vectors["quantiles"])
    EXPECT_NEAR(eval::normal_quantile(q[0]), q[1].get<double>(), 1e-13);
  EXPECT_NEAR(minimum_detectable_effect(1), 2.801585218112969, 1e-12);
  EXPECT_NEAR(minimum_detectable_effect(2, {.two_sided = false}), 2 * 2.4864748605243862, 1e-12);
  EXPECT_THROW(minimum_detectable_effect(-1), std::invalid_argument);
  EXPECT_THROW(minimum_detectable_effect(1, {.alpha = 0}), std::invalid_argument);
}

TEST(Estimates, ClusteredErrors) {
  const Json v = golden::read("statistics");
  const auto values = numbers(v["values"]), expected = numbers(v["clustered"]);
  const Score score = clustered(values, texts(v["clusters"]));
  EXPECT_NEAR(score.value, expected[0], 1e-15);
  EXPECT_NEAR(score.stderr_, expected[1], 1e-15);
  EXPECT_NEAR(score.ci_high - score.value, expected[2], 1e-9);  // the quantile is bisected to 1e-10 or so
  // Clusters of one row each are no clusters at all.
  std::vector<std::string> own;
  for (size_t i = 0; i < values.size(); ++i) own.push_back(std::to_string(i));
  EXPECT_NEAR(clustered(values, own).stderr_, summarize(values).stderr_, 1e-15);
  // Rows copied three times know no more; an error that ignores clusters says they do: the fault.
  std::vector<double> copies;
  std::vector<std::string> groups;
  for (size_t i = 0; i < values.size(); ++i)
    for (int k = 0; k < 3; ++k) copies.push_back(values[i]), groups.push_back(own[i]);
  EXPECT_NEAR(clustered(copies, groups).stderr_, summarize(values).stderr_, 1e-12);
  EXPECT_LT(summarize(copies).stderr_, .6 * summarize(values).stderr_);
  EXPECT_THROW(clustered({1}, {}), std::invalid_argument);
  EXPECT_THROW(clustered({NAN}, {"a"}), std::invalid_argument);
}

TEST(Estimates, PooledGroups) {
  const std::vector<double> a = {0, 1, 1, 0, 1}, b = {.5, .25, .75};
  const Score one = pooled({summarize(a)});
  EXPECT_NEAR(one.value, .6, 1e-15);
  EXPECT_NEAR(one.stderr_, summarize(a).stderr_, 1e-15);
  const Score both = pooled({summarize(a), Score{}, summarize(b)});
  EXPECT_NEAR(both.value, (3 + 1.5) / 8, 1e-15);
  const double sa = summarize(a).stderr_, sb = summarize(b).stderr_;
  EXPECT_NEAR(both.stderr_, std::sqrt((4 * sa * sa * 5 + 2 * sb * sb * 3) / 6 / 8), 1e-15);
  EXPECT_EQ(both.n, 8);
  EXPECT_THROW(pooled({}), std::invalid_argument);
}

TEST(Bootstraps, AgreeWithTheHarness) {
  const Json v = golden::read("statistics");
  const auto values = numbers(v["values"]);
  // Python adds in plain order, here sums are exact: the last places differ.
  const auto mean = bootstrap_mean(values, {.resamples = 2000, .generator = "mt19937"});
  EXPECT_NEAR(mean.score.stderr_, v["lm_eval_mean"].get<double>(), 1e-13);
  auto median = [&](const std::vector<int64_t>& rows) {
    std::vector<double> drawn;
    for (const int64_t row : rows) drawn.push_back(values[static_cast<size_t>(row)]);
    std::sort(drawn.begin(), drawn.end());
    return drawn[drawn.size() / 2];
  };
  const auto upper = bootstrap(std::ssize(values), median, {.resamples = 500, .generator = "mt19937"});
  EXPECT_NEAR(upper.score.stderr_, v["lm_eval_median"].get<double>(), 1e-13);
  EXPECT_NE(bootstrap_mean(values).score.stderr_, mean.score.stderr_);  // another generator is another number
  EXPECT_EQ(bootstrap_mean(values, {.seed = 5}).resampled, bootstrap_mean(values, {.seed = 5}).resampled);
  EXPECT_NE(bootstrap_mean(values, {.seed = 5}).resampled, bootstrap_mean(values, {.seed = 6}).resampled);
  EXPECT_THROW(bootstrap_mean(values, {.resamples = 1500, .generator = "mt19937"}), std::invalid_argument);
  EXPECT_THROW(bootstrap_mean(values, {.generator = "pcg46"}), std::invalid_argument);
  EXPECT_THROW(bootstrap_mean({}), std::invalid_argument);
}

using Counts = std::vector<std::vector<double>>;
Counts counts_of(const CorpusMetric& metric, const std::vector<std::string>& texts_,
                 const std::vector<std::string>& references) {
  Counts out;
  for (size_t i = 0; i < texts_.size(); ++i) out.push_back(metric.counts(texts_[i], {references[i]}));
  return out;
}

TEST(Bootstraps, AgreeWithSacrebleuToTheBit) {
  const Json v = golden::read("statistics")["corpus"];
  for (const auto& [name, expected] : v["metrics"].items()) {
    const auto metric = CorpusMetric::named(name);
    const auto counts = counts_of(metric, texts(v["hypotheses"]), texts(v["references"]));
    const auto got = bootstrap(metric, counts);
    EXPECT_TRUE(same_bits(got.score.value, expected["score"])) << name;
    EXPECT_TRUE(same_bits(got.mean, expected["mean"])) << name << " " << Json(got.mean) << expected["mean"];
    EXPECT_TRUE(same_bits(got.half_width, expected["half_width"]))
        << name << Json(got.half_width) << expected;
    // The faults: another generator, and counts added in double precision.
    EXPECT_FALSE(same_bits(bootstrap(metric, counts, {.generator = "counter"}).mean, expected["mean"]))
        << name;
    EXPECT_FALSE(
        same_bits(bootstrap(metric, counts, {.seed = 12346, .generator = "pcg64"}).mean, expected["mean"]));
  }
}

TEST(PairedCorpora, AgreeWithSacrebleu) {
  const Json v = golden::read("statistics")["corpus"];
  for (const auto& [name, expected] : v["metrics"].items()) {
    const auto metric = CorpusMetric::named(name);
    const auto references = texts(v["references"]);
    const auto a = counts_of(metric, texts(v["hypotheses"]), references);
    const auto b = counts_of(metric, texts(v["rivals"]), references);
    const auto paired = paired_bootstrap(metric, a, b);
    const auto boot = numbers(expected["paired"]), swap = numbers(expected["swapped"]);
    EXPECT_TRUE(same_bits(paired.candidate, boot[0])) << name;
    EXPECT_TRUE(same_bits(paired.p, boot[1])) << name << " " << paired.p << " " << boot[1];
    EXPECT_TRUE(same_bits(paired.mean, boot[2])) << name << " " << Json(paired.mean) << boot[2];
    EXPECT_TRUE(same_bits(paired.half_width, boot[3])) << name;
    const auto swapped = approximate_randomization(metric, a, b, 2000);
    EXPECT_TRUE(same_bits(swapped.candidate, swap[0])) << name;
    EXPECT_TRUE(same_bits(swapped.p, swap[1])) << name << " " << swapped.p << " " << swap[1];
    EXPECT_EQ(approximate_randomization(metric, a, a, 100).p,
              1.0 / 101);  // "!=": nothing is above no difference
    EXPECT_THROW(paired_bootstrap(metric, a, {b[0]}), std::invalid_argument);
    EXPECT_THROW(paired_bootstrap(metric, {{1}}, {{1}}), std::invalid_argument);
  }
}

TEST(Paired, ExactTestsAreScipys) {
  const Json v = golden::read("statistics");
  for (const auto& c : v["mcnemar"]) {
    const double p = c[2];
    EXPECT_NEAR(mcnemar_exact(c[0], c[1]), p, 1e-11 * p) << c.dump();
  }
  for (const auto& c : v["sign"]) {
    const double p = c[2];
    EXPECT_NEAR(sign_test(c[0], c[1]), p, 1e-11 * p) << c.dump();
  }
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_THROW(mcnemar_exact(-1, 0), std::invalid_argument);
}

TEST(Paired, BinaryRows) {
  const Json v = golden::read("statistics")["binary"];
  const auto x = numbers(v["x"]), y = numbers(v["y"]);
  const auto c = compare_paired(x, y);
  EXPECT_NEAR(c.difference.value, v["difference"].get<double>(), 1e-15);
  EXPECT_NEAR(c.difference.stderr_, v["stderr"].get<double>(), 1e-15);
  EXPECT_NEAR(c.correlation, v["correlation"].get<double>(), 1e-14);
  EXPECT_EQ(c.wins + c.losses + c.ties, 60);
  ASSERT_TRUE(c.mcnemar_p.has_value());
  EXPECT_DOUBLE_EQ(*c.mcnemar_p, mcnemar_exact(c.wins, c.losses));
  EXPECT_TRUE(c.permutation_exact);  // of zeros and ones the sign flips are McNemar's test
  EXPECT_DOUBLE_EQ(c.permutation_p, *c.mcnemar_p);
  EXPECT_NEAR(c.minimum_detectable_effect, 2.801585218112969 * c.difference.stderr_, 1e-12);
  EXPECT_NE(c.to_json().find("\"mcnemar_p\""), std::string::npos);
  // The fault, an unpaired error, is far too large where the two mostly agree.
  auto near = x;
  for (size_t i = 0; i < 6; ++i) near[i * 9] = 1 - near[i * 9];
  const auto close = compare_paired(x, near);
  EXPECT_GT(std::hypot(close.baseline.stderr_, close.candidate.stderr_), 2 * close.difference.stderr_);
}

TEST(Paired, RealRowsByExactAndDrawnFlips) {
  const Json v = golden::read("statistics")["real"];
  auto x = numbers(v["x"]), y = numbers(v["y"]);
  const auto exact = compare_paired(x, y);
  EXPECT_TRUE(exact.permutation_exact);
  EXPECT_FALSE(exact.mcnemar_p.has_value());
  EXPECT_NEAR(exact.permutation_p, v["p"].get<double>(), 1e-12);
  // More rows than can be gone through: nearly what Student's t says.
  std::vector<double> a, b;
  for (uint64_t i = 0; i < 200; ++i) {
    a.push_back(base::normal(3, i));
    b.push_back(a.back() + .5 * base::normal(4, i) + .07);
  }
  const auto drawn = compare_paired(a, b);
  EXPECT_FALSE(drawn.permutation_exact);
  const double z = drawn.difference.value / drawn.difference.stderr_;
  EXPECT_NEAR(drawn.permutation_p, std::erfc(z / std::sqrt(2.0)), .015);
  EXPECT_NEAR(drawn.bootstrap_p, drawn.permutation_p, .03);
  EXPECT_NEAR(drawn.bootstrap_high, drawn.difference.ci_high, .01);
  EXPECT_EQ(compare_paired(a, b).to_json(), drawn.to_json());
  EXPECT_NE(compare_paired(a, b, {.seed = 1}).permutation_p, drawn.permutation_p);
}

TEST(Paired, ByIdAndByCluster) {
  const std::map<std::string, double> a = {{"1", 0}, {"2", 1}, {"3", 0}}, b = {{"2", 1}, {"3", 1}, {"4", 1}};
  const auto c = compare_paired(a, b);
  EXPECT_EQ(c.unmatched, 2);
  EXPECT_EQ(c.difference.n, 2);
  EXPECT_EQ(c.wins, 1);
  EXPECT_THROW(compare_paired(a, {{"9", 1}}), std::invalid_argument);
  EXPECT_THROW(compare_paired({1, 2}, {1}), std::invalid_argument);
  EXPECT_THROW(compare_paired({NAN}, {1}), std::invalid_argument);
  // Six copies of each of eight rows: by cluster the p-value is that of eight rows, by row it is far smaller.
  std::vector<double> x, y, x6, y6;
  PairedOptions by_cluster;
  for (int i = 0; i < 8; ++i) {
    x.push_back(0), y.push_back(i < 7 ? 1 + .01 * i : -.5);
    for (int k = 0; k < 6; ++k)
      x6.push_back(x[i]), y6.push_back(y[i]), by_cluster.clusters.push_back(std::to_string(i));
  }
  const auto rows = compare_paired(x, y), clusters = compare_paired(x6, y6, by_cluster);
  EXPECT_NEAR(clusters.permutation_p, rows.permutation_p, 1e-12);
  EXPECT_NEAR(clusters.difference.stderr_, rows.difference.stderr_, 1e-12);
  EXPECT_NEAR(clusters.bootstrap_p, rows.bootstrap_p, .02);
  EXPECT_LT(compare_paired(x6, y6).permutation_p, rows.permutation_p / 10);
}

TEST(Paired, NothingIsFoundWhereNothingIs) {
  // Two equal models, 400 experiments: about 5 % of p-values lie below 5 %. A test that forgets the pairing's
  // signs (the fault: all differences made positive) would find something nearly always.
  int found = 0, faulty = 0;
  for (uint64_t e = 0; e < 400; ++e) {
    std::vector<double> x, y, up;
    for (uint64_t i = 0; i < 30; ++i) {
      x.push_back(base::normal(base::derive(e, 1), i));
      y.push_back(base::normal(base::derive(e, 2), i));
      up.push_back(x.back() + std::abs(y.back() - x.back()));
    }
    const PairedOptions quick{.permutations = 400, .resamples = 0};
    found += compare_paired(x, y, quick).permutation_p < .05;
    faulty += compare_paired(x, up, quick).permutation_p < .05;
  }
  EXPECT_NEAR(found / 400., .05, .035);
  EXPECT_GT(faulty, 390);
}

TEST(Agreement, KappaIsStatsmodels) {
  const Json v = golden::read("statistics")["kappa"];
  const auto first = texts(v["first"]), second = texts(v["second"]);
  const auto expected = numbers(v["value"]);
  const Score score = cohens_kappa(first, second);
  EXPECT_NEAR(score.value, expected[0], 1e-13);
  EXPECT_NEAR(score.stderr_, expected[1], 1e-13);
  EXPECT_NEAR(score.ci_low, expected[2], 1e-12);
  EXPECT_NEAR(score.ci_high, expected[3], 1e-12);
  auto turned = second;
  std::rotate(turned.begin(), turned.begin() + 1, turned.end());
  EXPECT_LT(cohens_kappa(first, turned).value, .3);  // the fault: rows out of step
  EXPECT_EQ(cohens_kappa({"a", "a"}, {"a", "a"}).value, 1);
  EXPECT_EQ(cohens_kappa({"a", "a"}, {"b", "b"}).value, 0);
  EXPECT_THROW(cohens_kappa({"a"}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace whorl
