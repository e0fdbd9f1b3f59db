#include "base/json.h"

#include <gtest/gtest.h>
#include <time.h>

#include <nlohmann/json.hpp>

namespace whorl::base {
namespace {

template <class Body>
std::string refusal(Body body) {
  try {
    body();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  ADD_FAILURE() << "expected an invalid_argument";
  return "";
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

std::string refused(std::string_view text) {
  return refusal([&] { parse_json(text, "[test] x.json"); });
}

TEST(Json, KeepsTheOrderOfKeys) {
  EXPECT_EQ(parse_json(R"({"b": 1, "a": [true, null, -2, 1.5, "é"]})", "[test]").dump(),
            R"({"b":1,"a":[true,null,-2,1.5,"é"]})");
}

TEST(Json, RefusesWhatIsNotStrict) {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[1,]",
                          "{\"a\":1,}",
                          "{'a':1}",
                          "{a:1}",
                          "[NaN]",
                          "[Infinity]",
                          "[01]",
                          "[1.]",
                          "[.5]",
                          "[+1]",
                          "[0x1]",
                          "{} x",
                          "{}{}",
                          "// c\n{}",
                          "[\"\t\"]",
                          "[\"\\x\"]",
                          "[\"\\ud800\"]",
                          "[\"\xff\"]",
                          "[\"\xc0\xaf\"]",
                          "[\"\xed\xa0\x80\"]",
                          "tru",
                          "[1e999]"})
    EXPECT_TRUE(says(refused(bad), "[test] x.json")) << bad;
  EXPECT_TRUE(says(refused("\xef\xbb\xbf{}"), "byte order mark"));
  EXPECT_TRUE(says(refused(std::string_view("{}\0{", 4)), "zero byte"))
      << "the parser below would stop there";
}

TEST(Json, ErrorsNameLineAndColumn) {
  const std::string text = refused("{\n  \"a\": 1,\n  \"b\": oops\n}");
  EXPECT_TRUE(says(text, "line 3, column 8")) << text;
}

TEST(Json, DuplicateKeysAreRefusedAtAnyDepth) {
  EXPECT_TRUE(says(refused(R"({"a": 1, "a": 2})"), "duplicate key 'a'"));
  EXPECT_TRUE(says(refused(R"([{"x": {"k": 1, "k": 1}}])"), "duplicate key 'k'"));
  EXPECT_TRUE(says(refused(R"({"a": 1, "\u0061": 2})"), "duplicate key 'a'")) << "written differently";
  EXPECT_NO_THROW(parse_json(R"([{"a": 1}, {"a": 1}])", "[test]"));
}

TEST(Json, DepthIsCapped) {
  const auto nested = [](size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_NO_THROW(parse_json(nested(64), "[test]"));
  EXPECT_TRUE(says(refused(nested(65)), "deeper than 64"));
  EXPECT_TRUE(says(refused(std::string(1'000'000, '[')), "deeper than 64"));
  EXPECT_TRUE(says(refused(R"({"a":)" + nested(64) + "}"), "deeper than 64"));
}

double cpu_seconds_for_keys(int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) text += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
  text += "}";
  const auto now = [] {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double start = now();
  EXPECT_EQ(parse_json(text, "[test]").size(), static_cast<size_t>(count));
  return now() - start;
}

// Eight times the keys cost about eight times the time, where looking each key up in a list costs 64 times.
TEST(Json, ManyKeysTakeLinearTime) {
  EXPECT_LT(cpu_seconds_for_keys(160'000), 32 * cpu_seconds_for_keys(20'000));
}

TEST(Json, FieldsSayWhatWasExpectedAndGot) {
  const Json json = parse_json(
      R"({"n": 3, "s": "x", "f": 1.5, "b": true, "l": ["a"], "m": [1], "o": {}, "z": null, "u": 18446744073709551615})",
      "[test]");
  EXPECT_EQ(require_int(json, "n", "[c]"), 3);
  EXPECT_EQ(require_number(json, "n", "[c]"), 3.0);
  EXPECT_EQ(require_string(json, "s", "[c]"), "x");
  EXPECT_TRUE(require_bool(json, "b", "[c]"));
  EXPECT_EQ(require_strings(json, "l", "[c]"), std::vector<std::string>{"a"});
  EXPECT_EQ(int_or(json, "z", 7, "[c]"), 7) << "null is absent";
  EXPECT_EQ(int_or(json, "missing", 7, "[c]"), 7);
  EXPECT_FALSE(has(json, "z"));
  EXPECT_EQ(refusal([&] { require_int(json, "s", "[Model.load] config.json"); }),
            "[Model.load] config.json: expected field 's' to be an integer, got a string");
  EXPECT_TRUE(says(refusal([&] { require_int(json, "f", "[c]"); }), "got a number"));
  EXPECT_TRUE(says(refusal([&] { require_int(json, "b", "[c]"); }), "got true/false"));
  EXPECT_TRUE(says(refusal([&] { require_int(json, "u", "[c]"); }), "too large"));
  EXPECT_TRUE(says(refusal([&] { require_int(json, "missing", "[c]"); }), "missing field 'missing'"));
  EXPECT_TRUE(says(refusal([&] { require_strings(json, "m", "[c]"); }), "list of strings"));
  EXPECT_TRUE(says(refusal([&] { require_array(json, "o", "[c]"); }), "to be a list, got an object"));
  EXPECT_TRUE(says(refusal([&] { bool_or(json, "n", true, "[c]"); }), "true or false, got an integer"));
  EXPECT_TRUE(says(refusal([&] { require_int(parse_json("[]", "[t]"), "a", "[c]"); }),
                   "expected an object with field 'a', got a list"));
}

TEST(Json, MisspeltKeysNameTheNearest) {
  const Json json = parse_json(R"({"learning_rat": 1})", "[test]");
  EXPECT_TRUE(says(refusal([&] { check_known_keys(json, {"learning_rate", "rank"}, "[Trainer]"); }),
                   "[Trainer]: unknown key 'learning_rat'; did you mean 'learning_rate'?"));
  const Json far = parse_json(R"({"zzzzzzzz": 1})", "[test]");
  EXPECT_FALSE(says(refusal([&] { check_known_keys(far, {"rank"}, "[Trainer]"); }), "did you mean"));
  EXPECT_EQ(nearest_name("v_porj", {"q_proj", "v_proj", "o_proj"}), "v_proj");
  EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(Json, SortedTextIsTheSameForTheSameValue) {
  const Json a = parse_json(R"({"b": 1, "a": {"d": [2.5, "é"], "c": null}})", "[t]");
  const Json b = parse_json(R"({"a": {"c": null, "d": [2.5, "é"]}, "b": 1})", "[t]");
  EXPECT_EQ(to_sorted_json(a), to_sorted_json(b));
  EXPECT_EQ(
      to_sorted_json(a),
      "{\n  \"a\": {\n    \"c\": null,\n    \"d\": [\n      2.5,\n      \"é\"\n    ]\n  },\n  \"b\": 1\n}\n");
}

}  // namespace
}  // namespace whorl::base
