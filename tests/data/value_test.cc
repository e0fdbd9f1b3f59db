// The strict JSON reader: what it takes, what it refuses, and that nothing is re-spelt.
#include "data/value.h"

#include <gtest/gtest.h>

#include "data/utf8.h"

namespace whorl::data {
namespace {

std::string reason_of(const std::string& text) {
  Value value;
  ParseProblem problem;
  return parse_whole(text, &value, &problem) ? "" : problem.reason;
}

TEST(Value, KeepsOrderAndNumberSpelling) {
  const std::string text =
      R"({"z": 1.50, "a": [1e5, -0, 12345678901234567890123], "m": {"k": null, "t": true}})";
  Value value;
  ParseProblem problem;
  ASSERT_TRUE(parse_whole(text, &value, &problem)) << problem.reason;
  EXPECT_EQ(to_text(value), text);
}

TEST(Value, UnderstandsEscapes) {
  Value value;
  ParseProblem problem;
  ASSERT_TRUE(parse_whole(R"("\u00e9\ud83d\ude00\n\t\"\\\/")", &value, &problem));
  EXPECT_EQ(value.text, "é😀\n\t\"\\/");
}

TEST(Value, RefusesWhatIsNotStrictJson) {
  for (const char* text :
       {"",         " ",     "{",     "[1,]", "{\"a\":1,}", "{'a':1}",  "01",        "1.",    ".5",
        "+1",       "1e",    "NaN",   "nul",  "\"a\nb\"",   "\"\\x\"",  "\"\\u12\"", "[1] 2", "{\"a\" 1}",
        "{\"a\":}", "[1 2]", "\"abc", "\"\\", "-",          "{\"a\":1", "[\"a\""})
    EXPECT_NE(reason_of(text), "") << text;
}

TEST(Value, RefusesLoneSurrogates) {
  for (const char* text :
       {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\u0041")", R"("\ud800\ud800")"})
    EXPECT_EQ(reason_of(text), "a lone surrogate, which no UTF-8 text can hold") << text;
}

TEST(Value, RefusesBadUtf8) {
  for (const std::string& text :
       {std::string("\"\xc0\xaf\""), std::string("\"\xed\xa0\x80\""), std::string("\"\xf5\x80\x80\x80\""),
        std::string("\"\xe2\x82\""), std::string("\"\xff\"")})
    EXPECT_EQ(reason_of(text), "bytes that are not UTF-8");
}

TEST(Value, RefusesDuplicateKeysAlsoInLongObjects) {
  EXPECT_EQ(reason_of(R"({"a": 1, "b": 2, "a": 3})"), "duplicate key 'a'");
  std::string text = "{";
  for (int i = 0; i < 100; ++i) text += "\"k" + std::to_string(i) + "\": 0, ";
  EXPECT_EQ(reason_of(text + "\"k50\": 1}"), "duplicate key 'k50'");
  EXPECT_EQ(reason_of(text + "\"k100\": 1}"), "");
}

TEST(Value, CapsDepth) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(reason_of(nested(64)), "");
  EXPECT_EQ(reason_of(nested(65)), "nested deeper than 64 levels");
  EXPECT_EQ(reason_of(std::string(1'000'000, '[')), "nested deeper than 64 levels");
}

TEST(Value, SaysWhere) {
  Value value;
  ParseProblem problem;
  ASSERT_FALSE(parse_whole("{\"a\": 1,\n \"b\": x}", &value, &problem));
  EXPECT_EQ(problem.line, 2u);
  EXPECT_EQ(problem.column, 7u);
}

TEST(Utf8, AgreesWithADirectTranscriptionOfTheDefinition) {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text;
    append_utf8(c, text);
    const CodePoint point = code_point_at(text, 0);
    ASSERT_EQ(point.value, c);
    ASSERT_EQ(point.size, text.size());
  }
  EXPECT_EQ(find_invalid_utf8("ab\xc3\xa9\x80"), 4u);
}

TEST(Utf8, LowersLikeUnicode) {
  const std::pair<char32_t, char32_t> cases[] = {
      {U'A', U'a'}, {U'Ä', U'ä'}, {U'×', U'×'},   {U'Ŷ', U'ŷ'}, {U'Ÿ', U'ÿ'}, {U'Σ', U'σ'},
      {U'Ж', U'ж'}, {U'Ա', U'ա'}, {U'Ａ', U'ａ'}, {U'ß', U'ß'}, {U'İ', U'i'}, {U'ǅ', U'ǆ'},
      {U'Ⴀ', U'ⴀ'}, {U'𐐀', U'𐐨'}, {U'中', U'中'}, {U'ẞ', U'ß'}, {U'Ω', U'ω'}};
  for (const auto& [upper, lower] : cases) EXPECT_EQ(to_lower(upper), lower) << static_cast<uint32_t>(upper);
}

}  // namespace
}  // namespace whorl::data
