// Files of every kind, the dirt of real ones, and what errors say.
#include "data/rows.h"
#include "support.h"

namespace whorl {
namespace {

using test::contains;
using test::refusal;
using test::TemporaryFolder;

const char* const good = R"({"prompt": "a", "completion": "b"})";

TEST(ReadJsonl, TakesByteOrderMarkEmptyLinesAndCrLf) {
  const Dataset data = Dataset::from_jsonl(
      std::string("\xef\xbb\xbf") + good + "\r\n\n   \n" + good + "\r\n" + good, "t.jsonl");
  ASSERT_EQ(data.size(), 3);
  EXPECT_EQ(data[0].source, "t.jsonl:1");
  EXPECT_EQ(data[1].source, "t.jsonl:4");
  EXPECT_EQ(data[2].source, "t.jsonl:5");
}

TEST(ReadJsonl, NamesFileLineAndField) {
  EXPECT_EQ(
      refusal([] { Dataset::from_jsonl("{\"messages\": \"[{}\"}", "d.jsonl", {.format = "messages"}); }),
      "[Dataset.from_jsonl] d.jsonl:1: messages: JSON text, column 4: the text ends inside a list");
  EXPECT_EQ(refusal([] { Dataset::from_jsonl("{\"messages\": 5}", "d.jsonl", {.format = "messages"}); }),
            "[Dataset.from_jsonl] d.jsonl:1: expected field 'messages' to be a list, got a number");
  EXPECT_EQ(refusal([] { Dataset::from_jsonl("\n{\"prompt\": \"x\", \"completion\": 3}", "d.jsonl"); }),
            "[Dataset.from_jsonl] d.jsonl:2: expected field 'completion' to be a string, got a number");
  EXPECT_EQ(refusal([] {
              Dataset::from_jsonl("{\"prompt\": \"x\", \"completoin\": \"y\"}", "d",
                                  {.format = "prompt_completion"});
            }),
            "[Dataset.from_jsonl] d:1: missing field 'completion'; did you mean 'completoin'?");
}

TEST(ReadJsonl, ListsEveryBadRowInOnePass) {
  std::string text;
  for (int i = 0; i < 50; ++i)
    text += i % 2 ? std::string(good) + "\n" : "{\"prompt\": 1, \"completion\": \"\"}\n";
  const std::string said =
      refusal([&] { Dataset::from_jsonl(text, "d.jsonl", {.format = "prompt_completion"}); });
  EXPECT_TRUE(contains(said, "25 bad rows of 50")) << said;
  EXPECT_TRUE(contains(said, "d.jsonl:1: ") && contains(said, "d.jsonl:39: ") && contains(said, "and 5 more"))
      << said;
  EXPECT_FALSE(contains(said, "d.jsonl:41: ")) << said;
}

TEST(ReadJsonl, DropsAndCountsWhenAsked) {
  const std::string text =
      std::string(good) + "\nnot json\n[1]\n" + good + "\n{\"prompt\": \"\", \"completion\": \" \"}\n";
  const Dataset data = Dataset::from_jsonl(text, "d.jsonl", {.on_bad_row = "drop"});
  EXPECT_EQ(data.size(), 2);
  ASSERT_EQ(data.changes().size(), 3u);
  EXPECT_EQ(data.changes()[0].source, "d.jsonl:2");
  EXPECT_EQ(data.changes()[0].action, "dropped");
  EXPECT_EQ(data.changes()[2].reason, "the row is empty: expected messages, a completion or a text");
  EXPECT_EQ(
      data.account(),
      R"({"read": 5, "kept": 2, "steps": [{"step": "load", "dropped": 3, "changed": 0, "reasons": {"bad row": 3}}]})");
}

TEST(ReadJsonl, RefusesLoneCarriageReturnsLongLinesAndUtf16) {
  EXPECT_REFUSED(Dataset::from_jsonl(std::string(good) + "\r" + good), "a lone carriage return");
  EXPECT_REFUSED(Dataset::from_jsonl("\r\r\r"), "a lone carriage return");
  EXPECT_REFUSED(Dataset::from_jsonl(good, "m", {.max_line_bytes = 10}), "more than max_line_bytes = 10");
  EXPECT_REFUSED(Dataset::from_jsonl(std::string("\xff\xfe{\0", 4)), "UTF-16 (little endian)");
  EXPECT_REFUSED(Dataset::from_jsonl(std::string("\xfe\xff\0{", 4)), "UTF-16 (big endian)");
  EXPECT_REFUSED(Dataset::from_jsonl(std::string("{\0\"\0a\0", 6)), "looks like UTF-16 (little endian)");
  EXPECT_REFUSED(Dataset::from_jsonl(std::string("\0{\0\"\0a", 6)), "looks like UTF-16 (big endian)");
  EXPECT_REFUSED(Dataset::from_jsonl(std::string("\xff\xfe\0\0{\0\0\0", 8)), "UTF-32");
  EXPECT_REFUSED(Dataset::from_jsonl("{\"text\": \"\\ud800\"}"), "lone surrogate");
  EXPECT_REFUSED(Dataset::from_jsonl("{\"text\": \"\xc3\"}"), "not UTF-8");
}

TEST(ReadJson, TakesAListAndKnowsLines) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("d.json", "[\n  {\"text\": \"one\"},\n  {\n \"text\": \"two\"}\n, {\"text\": \"\"}]\n");
  EXPECT_EQ(refusal([&] { Dataset::load(file); }),
            "[Dataset.load] d.json:5: the row is empty: expected messages, a completion or a text");
  const Dataset data = Dataset::load(file, {.on_bad_row = "drop"});
  ASSERT_EQ(data.size(), 2);
  EXPECT_EQ(data[1].source, "d.json:3");
  EXPECT_REFUSED(Dataset::load(folder.write("e.json", "[{\"text\": \"a\"}\n{\"text\": \"b\"}]")),
                 "e.json:2: expected ',' or ']'");
  EXPECT_REFUSED(Dataset::load(folder.write("f.json", "[{\"text\": \"a\"},\n{\"text\" \"b\"}]")),
                 "f.json:2: column");
  EXPECT_EQ(Dataset::load(folder.write("lines.json", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n")).size(), 2);
  EXPECT_EQ(Dataset::load(folder.write("empty.json", "[]")).size(), 0);
}

TEST(ReadCsv, FollowsRfc4180) {
  const TemporaryFolder folder;
  const auto file = folder.write(
      "d.csv", "prompt,completion,n\r\n\"a, \"\"quoted\"\"\nnewline\",b,1\r\n\r\nc,\"\",2\n\"d\",e,\"3\"");
  const Dataset data = Dataset::load(file, {.on_bad_row = "drop"});
  ASSERT_EQ(data.size(), 2);
  EXPECT_EQ(data[0].prompt, "a, \"quoted\"\nnewline");
  EXPECT_EQ(data[0].extra, R"({"n": "1"})");
  EXPECT_EQ(data[1].source, "d.csv:6");
  EXPECT_EQ(data.changes()[0].source, "d.csv:5");
}

TEST(ReadCsv, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  const auto said = [&](const std::string& text) {
    return refusal([&] { Dataset::load(folder.write("d.csv", text)); });
  };
  EXPECT_TRUE(
      contains(said("prompt,completion\na,b\nc\n"), "d.csv:3: expected 2 cells as in the header, got 1"));
  EXPECT_TRUE(contains(said("prompt,completion\na\"b,c\n"), "d.csv:2: column 1: a quote inside a cell"));
  EXPECT_TRUE(contains(said("prompt,completion\n\"a\"b,c\n"), "text after the closing quote"));
  EXPECT_TRUE(contains(said("prompt,completion\n\"a,c\n"), "without its closing quote"));
  EXPECT_TRUE(contains(said("prompt,completion\na\rb,c\n"), "a lone carriage return"));
  EXPECT_TRUE(contains(said("prompt,prompt\na,b\n"), "two columns are named 'prompt'"));
  EXPECT_TRUE(contains(said("prompt,\na,b\n"), "header: column 2 has no name"));
  EXPECT_TRUE(contains(said("prompt,completion\n\xff,b\n"), "column 'prompt': bytes that are not UTF-8"));
}

// Tables that Python's csv module wrote and read (make_csv_golden.py).
TEST(ReadCsv, AgreesWithPython) {
  const Dataset golden = Dataset::load(
      std::filesystem::path(WHORL_SOURCE_DIR) / "tests/data/csv_golden.jsonl", {.format = "text"});
  ASSERT_EQ(golden.size(), 150);
  for (int64_t i = 0; i < golden.size(); ++i) {
    std::string rows;
    const data::RowSink sink{
        [&](data::Value row, std::string) { rows += (rows.empty() ? "[" : ", ") + data::to_text(row); },
        [&](std::string source, std::string message) { ADD_FAILURE() << source << message; },
        [](std::string, std::string) {}};
    data::read_csv(golden[i].text, "g.csv", {}, sink);
    EXPECT_EQ("{\"rows\": " + rows + "]}", golden[i].extra);
  }
}

TEST(ReadCsv, ColumnsAreMappedAndMessagesMayBeJson) {
  const TemporaryFolder folder;
  const auto intents = folder.write("intents.csv", "text,category\nwhere is it?,card_arrival\n");
  const Dataset mapped =
      Dataset::load(intents, {.columns = {{"instruction", "text"}, {"output", "category"}}});
  ASSERT_EQ(mapped.format(), "alpaca");
  EXPECT_EQ(mapped[0].messages[1].content, "card_arrival");
  EXPECT_EQ(Dataset::load(intents).format(), "text");
  EXPECT_REFUSED(Dataset::load(intents, {.columns = {{"prompt", "texd"}}}), "no column 'texd'");
  EXPECT_REFUSED(Dataset::load(intents, {.columns = {{"promt", "text"}}}), "did you mean 'prompt'?");
  const auto chat =
      folder.write("chat.csv",
                   "id,messages\n7,\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"hi\"\"}, "
                   "{\"\"role\"\": \"\"assistant\"\", \"\"content\"\": \"\"yo\"\"}]\"\n");
  const Dataset data = Dataset::load(chat);
  EXPECT_EQ(data.format(), "messages");
  EXPECT_EQ(data[0].messages[1].content, "yo");
  EXPECT_EQ(data[0].extra, R"({"id": "7"})");
}

TEST(ReadText, ParagraphsLinesOrFile) {
  const TemporaryFolder folder;
  const auto file = folder.write("t.txt",
                                 "\xef\xbb\xbf"
                                 "one\r\nstill one\r\n\r\n \ntwo\n\n\n\nthree");
  const Dataset data = Dataset::load(file);
  ASSERT_EQ(data.size(), 3);
  EXPECT_EQ(data[0].text, "one\nstill one");
  EXPECT_EQ(data[1].text, "two");
  EXPECT_EQ(data[1].source, "t.txt:5");
  EXPECT_EQ(data[2].text, "three");
  EXPECT_EQ(Dataset::load(file, {.text_unit = "line"}).size(), 4);
  EXPECT_EQ(Dataset::load(file, {.text_unit = "file"})[0].text, "one\nstill one\n\n \ntwo\n\n\n\nthree");
  EXPECT_REFUSED(Dataset::load(folder.write("bad.txt", "a\n\nb\xff")),
                 "bad.txt:3: byte 1 of the paragraph: not UTF-8");
}

TEST(ReadFolder, TakesWhatItKnowsAndSaysWhatItLeaves) {
  const TemporaryFolder folder;
  folder.write("b.jsonl", "{\"text\": \"two\"}\n");
  folder.write("a.csv", "text\none\n");
  folder.write("c/d.txt", "three\n");
  folder.write("README.md", "about");
  folder.write(".hidden.jsonl", "nonsense");
  const Dataset data = Dataset::load(folder.path());
  ASSERT_EQ(data.size(), 3);
  EXPECT_EQ(data[0].text, "one");
  EXPECT_EQ(data[2].source, "c/d.txt:1");
  ASSERT_EQ(data.changes().size(), 1u);
  EXPECT_EQ(data.changes()[0].source, "README.md");
  EXPECT_EQ(data.changes()[0].action, "ignored");
  EXPECT_REFUSED(Dataset::load(folder.path() / "README.md"), "expected .jsonl, .json, .csv");
  EXPECT_THROW(Dataset::load(folder.path() / "absent.jsonl"), std::runtime_error);
  const TemporaryFolder empty;
  EXPECT_REFUSED(Dataset::load(empty.path()), "holds no .jsonl");
}

TEST(ReadOptions, AreChecked) {
  EXPECT_REFUSED(Dataset::from_jsonl(good, "m", {.format = "message"}), "did you mean 'messages'?");
  EXPECT_REFUSED(Dataset::from_jsonl(good, "m", {.on_bad_row = "skip"}), "on_bad_row");
  EXPECT_REFUSED(Dataset::from_jsonl(good, "m", {.alpaca_prompt = "x"}), "alpaca_prompt");
  EXPECT_REFUSED(Dataset::from_jsonl(good, "m", {.text_unit = "word"}), "text_unit");
  EXPECT_REFUSED(Dataset::from_jsonl(good, "m", {.max_line_bytes = 0}), "max_line_bytes");
}

}  // namespace
}  // namespace whorl
