// Metrics against values worked out by hand, and against what must not change them.
#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/random.h"
#include "eval/oracle.h"
#include "eval/statistics.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace {

using Calls = std::vector<ToolCall>;

double match(const Calls& a, const Calls& b) { return function_name_and_args_match(a, b); }

TEST(ToolCalls, NamesInAnyOrderNoneMissingNoneTooMany) {
  EXPECT_EQ(function_name_match({{"f", "{}"}}, {{"f", "{\"x\":1}"}}), 1);
  EXPECT_EQ(function_name_match({{"f", "{}"}}, {{"g", "{}"}}), 0);
  EXPECT_EQ(function_name_match({{"f", ""}, {"g", ""}}, {{"g", ""}, {"f", ""}}), 1);
  EXPECT_EQ(function_name_match({{"f", ""}, {"f", ""}}, {{"f", ""}, {"g", ""}}), 0);
  EXPECT_EQ(function_name_match({{"f", ""}}, {{"f", ""}, {"f", ""}}), 0);  // a surplus call costs
  EXPECT_EQ(function_name_match({{"f", ""}}, {}), 0);
  EXPECT_EQ(function_name_match({}, {}), 1);
  EXPECT_EQ(function_name_match({{"f", ""}}, {{"F", ""}}), 0);
}

TEST(ToolCalls, ArgumentsByValue) {
  auto same = [](const char* a, const char* b) { return match({{"f", a}}, {{"f", b}}); };
  EXPECT_EQ(same(R"({"a": 1, "b": "x"})", R"({ "b":"x","a":1})"), 1);
  EXPECT_EQ(same(R"({"a": 1})", R"({"a": 1.0})"), 1);
  EXPECT_EQ(same(R"({"a": 100})", R"({"a": 1e2})"), 1);
  EXPECT_EQ(same(R"({"a": 1})", R"({"a": "1"})"), 0);
  EXPECT_EQ(same(R"({"a": 1})", R"({"a": true})"), 0);
  EXPECT_EQ(same(R"({"a": 1})", R"({"a": 1.5})"), 0);
  EXPECT_EQ(same(R"({"a": -1})", R"({"a": -1.0})"), 1);
  EXPECT_EQ(same(R"({"a": 9007199254740993})", R"({"a": 9007199254740992})"), 0);
  EXPECT_EQ(same(R"({"a": 9007199254740993})", R"({"a": 9007199254740992.0})"), 0);
  EXPECT_EQ(same(R"({"a": 18446744073709551615})", R"({"a": -1})"), 0);
  EXPECT_EQ(same(R"({"a": "x"})", R"({"a": "X"})"), 0);
  EXPECT_EQ(same(R"({"a": "\u0078"})", R"({"a": "x"})"), 1);
  EXPECT_EQ(same(R"({"a": [1, 2]})", R"({"a": [2, 1]})"), 0);
  EXPECT_EQ(same(R"({"a": {"b": {"c": 1, "d": null}}})", R"({"a": {"b": {"d": null, "c": 1}}})"), 1);
  EXPECT_EQ(same(R"({"a": null})", R"({})"), 0);
  EXPECT_EQ(same("", "{}"), 1);
  EXPECT_EQ(same(R"({"a": 1})", R"({"a": 1)"), 0);  // what cannot be read matches nothing
  EXPECT_EQ(same("{}", "nonsense"), 0);
  EXPECT_THROW(same("nonsense", "{}"), std::invalid_argument);
}

TEST(ToolCalls, SeveralCallsNeedAMatchEach) {
  const Calls expected = {{"f", R"({"a":1})"}, {"f", R"({"a":2})"}};
  EXPECT_EQ(match(expected, {{"f", R"({"a":2})"}, {"f", R"({"a":1})"}}), 1);
  EXPECT_EQ(match(expected, {{"f", R"({"a":1})"}, {"f", R"({"a":1})"}}), 0);
}

// Random values; shuffling keys and calls never matters, changing any one leaf always does.
nlohmann::ordered_json random_value(uint64_t seed, uint64_t& next, int depth) {
  auto roll = [&](uint64_t n) { return base::below(seed, next++, n); };
  const auto kind = roll(depth > 0 ? 6 : 4);
  if (kind == 0) return static_cast<int64_t>(roll(1000)) - 500;
  if (kind == 1) return static_cast<double>(roll(1000)) / 8 + .0625;
  if (kind == 2) return std::string(1 + roll(4), static_cast<char>('a' + roll(26)));
  if (kind == 3) return roll(2) == 0;
  nlohmann::ordered_json out = kind == 4 ? nlohmann::ordered_json::array() : nlohmann::ordered_json::object();
  const auto size = 1 + roll(4);
  for (uint64_t i = 0; i < size; ++i) {
    auto value = random_value(seed, next, depth - 1);
    if (kind == 4)
      out.push_back(std::move(value));
    else
      out[base::concat("k", i)] = std::move(value);
  }
  return out;
}

nlohmann::ordered_json shuffled_keys(const nlohmann::ordered_json& value) {
  if (value.is_array()) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& item : value) out.push_back(shuffled_keys(item));
    return out;
  }
  if (!value.is_object()) return value;
  auto out = nlohmann::ordered_json::object();
  std::vector<std::string> keys;
  for (const auto& [key, item] : value.items()) keys.push_back(key);
  std::reverse(keys.begin(), keys.end());
  for (const auto& key : keys) out[key] = shuffled_keys(value[key]);
  return out;
}

void change_a_leaf(nlohmann::ordered_json& value) {
  if (value.is_structured())
    change_a_leaf(*value.begin());
  else if (value.is_string())
    value = value.get<std::string>() + "!";
  else if (value.is_boolean())
    value = !value.get<bool>();
  else
    value = value.get<double>() + 1;
}

TEST(ToolCalls, PermutationsDoNotMatterAnyChangeDoes) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    uint64_t next = 0;
    Calls expected, got, wrong;
    for (uint64_t i = 0; i < 1 + seed % 4; ++i) {
      nlohmann::ordered_json arguments = {{"a", random_value(seed, next, 3)},
                                          {"b", random_value(seed, next, 3)}};
      auto changed = arguments;
      change_a_leaf(changed);
      const std::string name(1, static_cast<char>('f' + i % 2));
      expected.push_back({name, arguments.dump()});
      got.push_back({name, shuffled_keys(arguments).dump()});
      wrong.push_back({name, i == 0 ? changed.dump() : arguments.dump()});
    }
    std::reverse(got.begin(), got.end());
    EXPECT_EQ(match(expected, got), 1) << seed;
    EXPECT_EQ(match(expected, wrong), 0) << seed;
    EXPECT_EQ(function_name_match(expected, wrong), 1) << seed;
  }
}

TEST(Text, ExactMatchAfterTrimming) {
  EXPECT_EQ(exact_match("42", " 42\n"), 1);
  EXPECT_EQ(exact_match("42", "4 2"), 0);
  EXPECT_EQ(exact_match("Yes", "yes"), 0);
  EXPECT_EQ(eval::label_match("Card_Arrival", " card_arrival "), 1);
  EXPECT_EQ(eval::label_match("Ärger", "ärger"), 1);
  EXPECT_EQ(eval::label_match("a", "ab"), 0);
}

TEST(Text, F1AsInSquad) {
  EXPECT_DOUBLE_EQ(token_f1("the cat sat", "a cat sat down"), 2 * (2. / 3) * 1 / (2. / 3 + 1));
  EXPECT_EQ(token_f1("The U.S.A.", "usa"), 1);  // punctuation goes first: "the-cat" is one token
  EXPECT_EQ(token_f1("the-cat", "cat"), 0);
  EXPECT_DOUBLE_EQ(token_f1("a b b", "b b b"),
                   2 * (2. / 3) * 1 / (2. / 3 + 1));  // a multiset, "a" is an article
  EXPECT_EQ(token_f1("x", "y"), 0);
  EXPECT_EQ(token_f1("", ""), 1);
  EXPECT_EQ(token_f1("", "x"), 0);
  EXPECT_EQ(token_f1("the", "an"), 1);  // both are empty once articles are gone
  EXPECT_EQ(token_f1("ÜBER", "über"), 1);
  EXPECT_EQ(token_f1("cat\u00a0sat", "cat sat"), 1);  // a no-break space is white space
  EXPECT_EQ(token_f1("\u201cthe cat\u201d", "\u201c cat\u201d"),
            1);                                    // curly quotes are no punctuation to SQuAD, but end a word
  EXPECT_EQ(token_f1("\xff\xfe", "\xff\xfe"), 1);  // broken UTF-8 is no crash
}

TEST(Summary, WilsonByHand) {
  const Score score = summarize({1, 1, 1, 1, 1, 1, 1, 1, 0, 0});
  EXPECT_DOUBLE_EQ(score.value, .8);
  EXPECT_EQ(score.n, 10);
  EXPECT_NEAR(score.stderr_, std::sqrt(1.6 / 9 / 10), 1e-15);
  EXPECT_NEAR(score.ci_low, .4901625, 1e-7);  // (.8 + z2/20 -+ z sqrt(.016 + z2/400)) / (1 + z2/10)
  EXPECT_NEAR(score.ci_high, .9433178, 1e-7);
  EXPECT_EQ(score.method, "Wilson");
  const Score none = summarize({0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_NEAR(none.ci_low, 0, 1e-12);
  EXPECT_NEAR(none.ci_high, .2775328, 1e-7);
}

TEST(Summary, StudentByHand) {
  const Score score = summarize({.2, .4, .9});  // mean .5, sd sqrt(.13), t(2) = 4.302653
  EXPECT_DOUBLE_EQ(score.value, .5);
  EXPECT_NEAR(score.stderr_, std::sqrt(.13 / 3), 1e-12);
  EXPECT_NEAR(score.ci_high, .5 + 4.30265273 * std::sqrt(.13 / 3), 1e-7);
  EXPECT_EQ(score.method, "Student's t");
  EXPECT_EQ(summarize({}).n, 0);
  EXPECT_EQ(summarize({.3}).stderr_, 0);
}

TEST(Summary, QuantilesFromTheTable) {
  const std::pair<int64_t, double> table[] = {{1, 12.7062047},   {2, 4.30265273},   {3, 3.18244631},
                                              {5, 2.57058184},   {10, 2.22813885},  {30, 2.04227246},
                                              {101, 1.98373100}, {1000, 1.96233908}};
  for (const auto& [degrees, value] : table) EXPECT_NEAR(eval::t_quantile(degrees), value, 1e-7) << degrees;
  EXPECT_NEAR(eval::t_quantile(200'000), 1.95996398, 1e-7);
}

TEST(Summary, IntervalsCoverAsOftenAsTheySay) {
  // 4,000 samples of 30 with p = .3: about 95 % of Wilson's intervals hold .3. A planted fault, the interval
  // of p +- 1 standard error, holds it far less often and must be told apart.
  int covered = 0, narrow = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    std::vector<double> values;
    for (uint64_t i = 0; i < 30; ++i) values.push_back(base::uniform(base::derive(seed, 1), i) < .3);
    const Score score = summarize(values);
    covered += score.ci_low <= .3 && .3 <= score.ci_high;
    narrow += std::abs(score.value - .3) <= score.stderr_;
  }
  EXPECT_NEAR(covered / 4000., .9298, .015);
  EXPECT_LT(narrow / 4000., .75);
}

TEST(Summary, BootstrapOfARatioAgreesWithTheDeltaMethod) {
  std::vector<eval::Share> shares;
  double sum = 0, count = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    shares.push_back({10 + 3 * base::normal(5, i), 8 + static_cast<int64_t>(base::below(6, i, 5))});
    sum += shares.back().sum;
    count += static_cast<double>(shares.back().count);
  }
  const Score score = eval::exponential_ratio(shares, 1);
  double squares = 0;
  for (const auto& s : shares) squares += std::pow(s.sum - sum / count * static_cast<double>(s.count), 2);
  const double delta = std::exp(sum / count) * std::sqrt(squares * 200 / 199) / count;
  EXPECT_DOUBLE_EQ(score.value, std::exp(sum / count));
  EXPECT_NEAR(score.stderr_, delta, .1 * delta);
  EXPECT_NEAR(score.ci_high - score.ci_low, 2 * 1.96 * delta, .15 * 4 * delta);
  EXPECT_EQ(eval::exponential_ratio(shares, 1).ci_low, score.ci_low);  // the seed decides
}

TEST(Metrics, UnknownNamesAreRefusedWithTheNearest) {
  testing::OracleModel made;
  InferenceEngine engine(*made.model);
  Evaluator evaluator(engine);
  const Dataset data =
      Dataset::from_rows({{.messages = {{"user", "q"}, {"assistant", "a"}}, .source = "r:1"}});
  const auto said = [&](std::vector<std::string> metrics) {
    return testing::message_of<std::invalid_argument>(
        [&] { evaluator.run(data, "", {.metrics = std::move(metrics)}); });
  };
  EXPECT_NE(said({"function_name_acuracy"}).find("did you mean 'function_name_accuracy'"), std::string::npos);
  EXPECT_NE(said({"f1", "exact_macth"}).find("did you mean 'exact_match'"), std::string::npos);
  EXPECT_NE(said({}).find("at least one metric"), std::string::npos);
  EXPECT_NE(said({"f1", "f1"}).find("metric 'f1' is asked for twice"), std::string::npos);
  EXPECT_EQ(said({"f1", "exact_match"}), "");  // the planted fault of this test: what is right is not refused
}

}  // namespace
}  // namespace whorl
