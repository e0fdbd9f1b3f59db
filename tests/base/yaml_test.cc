#include "base/yaml.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"

namespace whorl::base {
namespace {

Yaml parse(std::string_view text, const YamlLimits& limits = {}) {
  return parse_yaml(text, "Test.load", "config.yml", limits);
}

Json value(std::string_view text) { return parse(text).value(); }

std::string refusal(std::string_view text, const YamlLimits& limits = {}) {
  try {
    parse(text, limits);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Yaml, StructureAndStyles) {
  EXPECT_EQ(
      value("a: 1\nb: [x, 'y', \"z\\n\"]\nc:\n  - d: e\n    f:\n  - |\n    two\n    lines\n  - >-\n    one\n "
            "   line\n"),
      Json::parse(
          R"({"a": 1, "b": ["x", "y", "z\n"], "c": [{"d": "e", "f": null}, "two\nlines\n", "one line"]})"));
  EXPECT_EQ(value(""), Json(nullptr));
  EXPECT_EQ(value("# only a comment\n"), Json(nullptr));
  EXPECT_EQ(value("\xef\xbb\xbf"
                  "a: 1"),
            Json::parse(R"({"a": 1})"));
  EXPECT_EQ(value("%YAML 1.2\n---\na: \"\\u00e9\"\n...\n"), Json::parse(R"({"a": "é"})"));
  EXPECT_EQ(value("z: 1\na: 2").dump(), R"({"z":1,"a":2})");
  EXPECT_EQ(value("url: http://x.y/z?a=b#c\ntime: 12:30:45"),
            Json::parse(R"({"url": "http://x.y/z?a=b#c", "time": "12:30:45"})"));
}

TEST(Yaml, CoreSchemaScalars) {
  const char* strings[] = {"no",  "No",   "NO",   "yes",      "on",  "off",      "y",
                           "n",   "tRue", "nUll", "1_000",    "0b1", "1:30",     "2001-01-01",
                           "0o8", "0xg",  "-0x1", "1.2.3",    "+",   "-.",       ".",
                           "1e",  "e3",   "'1'",  "\"true\"", "NaN", "Infinity", "0o"};
  for (const char* text : strings) EXPECT_TRUE(value(std::string("a: ") + text)["a"].is_string()) << text;
  const std::pair<const char*, const char*> others[] = {
      {"~", "null"},       {"null", "null"},
      {"NULL", "null"},    {"True", "true"},
      {"FALSE", "false"},  {"012", "12"},
      {"0o14", "12"},      {"0xfF", "255"},
      {"-7", "-7"},        {"+7", "7"},
      {"1.", "1.0"},       {".5", "0.5"},
      {"-.5", "-0.5"},     {"1e3", "1000.0"},
      {"+1.5E-1", "0.15"}, {"18446744073709551615", "18446744073709551615"}};
  for (const auto& [text, meant] : others)
    EXPECT_EQ(value(std::string("a: ") + text)["a"].dump(), meant) << text;
  for (const char* text : {".inf", "-.INF", ".nan", "18446744073709551616", "-9223372036854775809", "1e999",
                           "0xfffffffffffffffff"})
    EXPECT_NE(refusal(std::string("a: ") + text).find("is not a number that JSON can hold"),
              std::string::npos)
        << text;
}

TEST(Yaml, Tags) {
  EXPECT_EQ(
      value(
          "a: !!str 1\nb: !!int '7'\nc: !!float 1\nd: !!bool 'true'\nf: !!map {}\ng: !!seq []\nh: !!null ''"),
      Json::parse(R"({"a": "1", "b": 7, "c": 1.0, "d": true, "f": {}, "g": [], "h": null})"));
  EXPECT_EQ(refusal("a: !!int x"), "[Test.load] config.yml:1: 'x' is not a int that JSON can hold");
  for (const char* text : {"a: !!python/object/apply:os.system ['x']", "a: !foo b", "a: !!binary aGk=",
                           "a: !!set {b}", "a: !!map []", "a: !!timestamp 2001-01-01", "a: !<x> b"})
    EXPECT_NE(refusal(text).find("unknown tag"), std::string::npos) << text << refusal(text);
}

TEST(Yaml, RefusesWithTheLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"a: 1\nb: 2\na: 3", "[Test.load] config.yml:3: duplicate key 'a', first given on line 1"},
      {"a:\n  x: 1\n  'x': 2", "[Test.load] config.yml:3: duplicate key 'x', first given on line 2"},
      {"a: &b {c: 1}\nd:\n  <<: *b", "[Test.load] config.yml:3: merge keys (<<)"},
      {"a: 1\n---\nb: 2", "[Test.load] config.yml:2: expected one document"},
      {"a: 1\n  b: 2", "[Test.load] config.yml:2: not valid YAML"},
      {"a: [1, 2", "[Test.load] config.yml:2: not valid YAML"},
      {"a: 1\nb: \"\xff\"", "[Test.load] config.yml:2: not valid YAML"},
      {"a: 1\n\nb: \x01", "[Test.load] config.yml:3: not valid YAML"},
      {"a:\n\t- b", "[Test.load] config.yml:2: not valid YAML"},
      {"? [a]\n: b", "[Test.load] config.yml:1: expected a key to be a scalar, got a list"},
      {": b", "[Test.load] config.yml:1: not valid YAML"},
      {"?\n: b", "[Test.load] config.yml:1: expected a key before ':'"},
      {"a: *nobody", "[Test.load] config.yml:1: unknown alias '*nobody'"},
      {"a: &self [*self]", "[Test.load] config.yml:1: unknown alias '*self'"},
      {"&k a: 1", "[Test.load] config.yml:1: an anchor on a key"},
      {"x: &k a\n*k : 1", "[Test.load] config.yml:2: an alias as a key"}};
  for (const auto& [text, message] : cases)
    EXPECT_EQ(refusal(text).substr(0, std::string(message).size()), message) << text;
  const std::string zero("a: 1\0b", 6);
  EXPECT_NE(refusal(zero), "accepted");
  EXPECT_NE(refusal(std::string("\xff\xfe"
                                "a\0:\0 \0b\0",
                                10)),
            "accepted");
}

TEST(Yaml, KnowsItsLines) {
  const Yaml yaml = parse(
      "# first\nrails:\n  input:\n    flows:\n      - one\n\n      - two\n'a/b~c': [x,\n  y]\nlong: |\n  a\n "
      " b\nlast: &n\n  k: v\nagain: *n\n");
  const std::pair<const char*, size_t> cases[] = {{"", 2},
                                                  {"/rails", 2},
                                                  {"/rails/input/flows", 4},
                                                  {"/rails/input/flows/0", 5},
                                                  {"/rails/input/flows/1", 7},
                                                  {"/rails/input/flows/2", 4},
                                                  {"/a~1b~0c", 8},
                                                  {"/a~1b~0c/1", 9},
                                                  {"/long", 10},
                                                  {"/last/k", 14},
                                                  {"/again", 15},
                                                  {"/again/k", 15},
                                                  {"/nowhere/at/all", 2},
                                                  {"/rails/input/nothing", 3}};
  for (const auto& [pointer, line] : cases) EXPECT_EQ(yaml.line(pointer), line) << pointer;
  EXPECT_EQ(yaml.where(pointer_to("", "a/b~c")), "config.yml:8");
  EXPECT_EQ(yaml.value()["again"], yaml.value()["last"]);
  EXPECT_EQ(pointer_to("/a", 3), "/a/3");
}

TEST(Yaml, NoSmallFileExplodes) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = concat("*a", i - 1);
    bomb += concat("a", i, ": &a", i, " [", before);
    for (int j = 1; j < 10; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_NE(refusal(bomb).find("more than 200000 keys and values"), std::string::npos) << refusal(bomb);
  EXPECT_EQ(value("a: &x [1]\nb: [*x, *x]")["b"], Json::parse("[[1], [1]]"));
  EXPECT_NE(refusal(std::string(100'000, '[')).find("nested deeper than 64 levels"), std::string::npos);
  EXPECT_EQ(refusal(std::string(64, '[') + std::string(64, ']')), "accepted");
  std::string indented;
  for (int i = 0; i < 100; ++i) indented += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_NE(refusal(indented).find("nested deeper than 64 levels"), std::string::npos);
  // Depth through aliases counts as well.
  std::string deep = "- &a0 " + std::string(20, '[') + std::string(20, ']') + "\n";
  for (int i = 1; i < 5; ++i)
    deep += concat("- &a", i, " ", std::string(20, '['), "*a", i - 1, std::string(20, ']'), "\n");
  EXPECT_NE(refusal(deep).find("nested deeper than 64 levels"), std::string::npos);
  EXPECT_NE(refusal("a: 12345", {.max_bytes = 4}).find("at most 4 bytes"), std::string::npos);
  EXPECT_NE(refusal("[1, 2, 3]", {.max_nodes = 3}).find("more than 3 keys"), std::string::npos);
}

TEST(Yaml, HostileTextEndsInAnErrorOrAValue) {
  const std::string seed =
      "a: &x [1, 'two', \"th\\x41ree\"]\nb: !!str >-\n  text\nc: {d: *x, ? e : f}\n# end\n";
  uint32_t state = 7;
  for (int round = 0; round < 4000; ++round) {
    std::string text = seed;
    for (int change = 0; change < 3; ++change) {
      state = state * 1664525u + 1013904223u;
      if (text.empty()) break;
      const size_t at = (state >> 8) % text.size();
      switch ((state >> 4) & 3) {
        case 0:
          text[at] = static_cast<char>(state >> 24);
          break;
        case 1:
          text.erase(at, 1);
          break;
        case 2:
          text.insert(at, 1, "[]{}:-&*!|>'\"%@`#,?\n\t "[(state >> 20) % 22]);
          break;
        default:
          text.resize(at + 1);
          break;
      }
    }
    try {
      parse(text).value().dump();
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).rfind("[Test.load] config.yml:", 0), 0u) << error.what();
    } catch (const Json::exception& error) {
      ADD_FAILURE() << error.what() << text;
    }
  }
}

TEST(Yaml, Files) {
  const std::string path = ::testing::TempDir() + "/whorl_yaml_test.yml";
  std::ofstream(path) << "a: 1\na: 2\n";
  try {
    read_yaml(path, "Test.load");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()),
              "[Test.load] " + path + ":2: duplicate key 'a', first given on line 1");
  }
  std::ofstream(path) << "a: 1\n";
  EXPECT_EQ(read_yaml(path, "Test.load").where("/a"), path + ":1");
  EXPECT_THROW(read_yaml(path + ".none", "Test.load"), FileError);
}

}  // namespace
}  // namespace whorl::base
