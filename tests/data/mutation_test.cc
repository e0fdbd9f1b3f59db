// Parsers under fire: seeds changed at random, ten thousand times each, always the same way. Nothing may
// crash, hang or throw anything but std::invalid_argument; what loads must save and load again.
#include <functional>

#include "base/random.h"
#include "data/fuzz_one.h"
#include "support.h"

namespace whorl {
namespace {

std::string mutated(const std::string& seed, uint64_t key) {
  static const std::vector<std::string> pieces = {"{",
                                                  "}",
                                                  "[",
                                                  "]",
                                                  "\"",
                                                  ",",
                                                  ":",
                                                  "\n",
                                                  "\r",
                                                  "\r\n",
                                                  "\\u",
                                                  "\\ud800",
                                                  "\\",
                                                  "null",
                                                  "1e999",
                                                  "-",
                                                  "\xff",
                                                  "\xc3",
                                                  "\xef\xbb\xbf",
                                                  std::string(1, '\0'),
                                                  "\"\"",
                                                  "messages",
                                                  "role",
                                                  "content",
                                                  "tool_calls",
                                                  "[[[[[[[[",
                                                  "{\"a\":",
                                                  "true",
                                                  "0.10"};
  std::string text = seed;
  uint64_t counter = 0;
  const auto pick = [&](uint64_t n) { return base::below(key, counter++, n); };
  for (uint64_t edits = 1 + pick(3) / 2 * pick(4); edits > 0; --edits) {
    const size_t at = pick(text.size() + 1), length = pick(std::min<uint64_t>(text.size() - at + 1, 20));
    std::string put;
    size_t cut = 0;
    switch (pick(5)) {
      case 0:
        cut = length;
        break;
      case 1:
        put = pieces[pick(pieces.size())];
        break;
      case 2:
        put = text.substr(pick(text.size() + 1), pick(40));
        break;
      case 3:
        put.push_back(static_cast<char>(pick(256))), cut = std::min<size_t>(1, text.size() - at);
        break;
      default:
        put = pieces[pick(pieces.size())], cut = length;
    }
    std::string next(text, 0, at);
    next.append(put).append(text, at + cut);
    text.swap(next);
  }
  return text;
}

struct Tally {
  int64_t loaded = 0, refused = 0;
};

Tally bombard(const std::string& seed, const std::function<bool(const std::string&)>& one) {
  Tally tally;
  for (uint64_t i = 0; i < 10'000; ++i)
    ++(one(mutated(seed, base::derive(2024, i))) ? tally.loaded : tally.refused);
  return tally;
}

const std::string jsonl_seed =
    R"({"messages": [{"role": "user", "content": "a\u00e9"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{\"x\": 1.50}"}}]}], "tools": [{"name": "f", "parameters": {"type": "object"}}], "id": 7})"
    "\n"
    R"({"messages": [{"role": "user", "content": "b"}, {"role": "assistant", "content": "c", "train": true}]})"
    "\r\n\n"
    R"({"messages": [{"role": "assistant", "content": "😀"}], "n": [1, -0.5, 1e10, {"k": null}]})"
    "\n";

TEST(Mutation, JsonLines) {
  const Tally tally = bombard(jsonl_seed, data::fuzz_jsonl);
  EXPECT_GT(tally.loaded, 200);
  EXPECT_GT(tally.refused, 500);
}

TEST(Mutation, JsonArray) {
  const Tally tally = bombard(
      "[\n{\"prompt\": \"a\", \"completion\": \"b\"},\n {\"prompt\": \"\", \"completion\": \"d\\n\", \"x\": "
      "[1, {}]}\n]\n",
      data::fuzz_json);
  EXPECT_GT(tally.loaded, 200);
  EXPECT_GT(tally.refused, 500);
}

TEST(Mutation, Csv) {
  const Tally tally =
      bombard("prompt,completion,note\n\"a, \"\"b\"\"\n c\",d,1\r\ne,f,\"\"\n\n\"g\",h,i\n", data::fuzz_csv);
  EXPECT_GT(tally.loaded, 200);
  EXPECT_GT(tally.refused, 500);
}

TEST(Mutation, PlainText) {
  EXPECT_GT(bombard("one\r\ntwo\n\nthree é\n \nfour", data::fuzz_text).loaded, 5000);
}

TEST(Mutation, EveryTruncationOfASeed) {
  for (size_t length = 0; length <= jsonl_seed.size(); ++length)
    data::fuzz_jsonl(jsonl_seed.substr(0, length));
}

TEST(Mutation, DeepAndLongTextsEndSoon) {
  std::string deep = "{\"text\": ", escapes = "{\"text\": \"", commas = "text\n\"";
  EXPECT_FALSE(data::fuzz_jsonl(deep.append(5'000'000, '[')));
  EXPECT_FALSE(data::fuzz_jsonl(escapes.append(5'000'000, '\\')));
  EXPECT_TRUE(data::fuzz_csv(commas.append(5'000'000, ',').append("\"\n")));
  std::string keys = "{\"text\": \"t\"";
  for (int i = 0; i < 100'000; ++i) keys.append(", \"k").append(std::to_string(i)).append("\": 0");
  EXPECT_TRUE(data::fuzz_jsonl(keys + "}"));
}

// The planted fault: a reader that takes a lone surrogate makes rows that are no UTF-8; the same law must see
// it.
TEST(Mutation, TheLawSeesBadRows) {
  EXPECT_NE(data::law_broken_by({.text = "t\xed\xa0\x80"}), "");
  EXPECT_EQ(data::law_broken_by({.text = "t"}), "");
  EXPECT_NE(data::law_broken_by({.text = "t", .extra = "{\"a\": 1, \"a\": 2}"}), "");
}

}  // namespace
}  // namespace whorl
