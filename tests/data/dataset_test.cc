// Steps, splits and the account: laws that hold for every dataset.
#include <algorithm>
#include <set>

#include "base/random.h"
#include "data/value.h"
#include "support.h"

namespace whorl {
namespace {

using test::TemporaryFolder;

Dataset texts(int count, int groups = 0) {
  std::vector<Row> rows;
  for (int i = 0; i < count; ++i) {
    Row row{.text = "text " + std::to_string(i)};
    if (groups) row.extra = "{\"user\": " + std::to_string(i % groups) + "}";
    rows.push_back(std::move(row));
  }
  return Dataset::from_rows(std::move(rows));
}

std::vector<std::string> all_texts(const Dataset& data) {
  std::vector<std::string> out;
  for (int64_t i = 0; i < data.size(); ++i) out.push_back(data[i].text);
  return out;
}

// Rows read = rows kept + rows dropped - rows added, by the account's own words.
void expect_account_adds_up(const Dataset& data) {
  data::Value account;
  data::ParseProblem problem;
  ASSERT_TRUE(data::parse_whole(data.account(), &account, &problem));
  int64_t expected = std::stoll(account.find("read")->text);
  for (const data::Value& step : account.find("steps")->items) {
    expected -= std::stoll(step.find("dropped")->text);
    if (step.find("added")) expected += std::stoll(step.find("added")->text);
  }
  EXPECT_EQ(expected, data.size()) << data.account();
  EXPECT_EQ(std::stoll(account.find("kept")->text), data.size());
}

TEST(Split, SizesSeedsAndDisjointness) {
  for (const int count : {0, 1, 2, 7, 100, 1001})
    for (const double fraction : {0.0, 0.1, 0.5, 0.9, 1.0}) {
      const Dataset data = texts(count);
      const auto [train, valid] = data.split(fraction, 3);
      EXPECT_EQ(train.size(), std::llround(fraction * count));
      auto both = all_texts(train);
      const auto rest = all_texts(valid);
      both.insert(both.end(), rest.begin(), rest.end());
      std::sort(both.begin(), both.end());
      auto whole = all_texts(data);
      std::sort(whole.begin(), whole.end());
      EXPECT_EQ(both, whole);
      EXPECT_EQ(data.split(fraction, 3).train.digest(), train.digest());
      expect_account_adds_up(train);
      expect_account_adds_up(valid);
    }
  EXPECT_NE(texts(100).split(0.5, 1).train.digest(), texts(100).split(0.5, 2).train.digest());
  EXPECT_REFUSED(texts(3).split(1.5), "[Dataset.split] expected fraction to be between 0 and 1");
}

TEST(Split, IsTheSameOnEveryMachine) {
  const auto train = texts(10).split(0.5, 42).train;
  EXPECT_EQ(all_texts(train), (std::vector<std::string>{"text 1", "text 5", "text 6", "text 8", "text 9"}));
}

TEST(Split, GroupsStayTogether) {
  const Dataset data = texts(1000, 37);
  const auto [train, valid] = data.split(0.8, 5, "user");
  std::set<std::string> left, right;
  for (int64_t i = 0; i < train.size(); ++i) left.insert(train[i].extra);
  for (int64_t i = 0; i < valid.size(); ++i) right.insert(valid[i].extra);
  for (const std::string& user : left) EXPECT_FALSE(right.contains(user));
  EXPECT_NEAR(static_cast<double>(train.size()), 800, 14);
  EXPECT_REFUSED(texts(3).split(0.5, 0, "user"), "row 1: expected a column 'user' to group by");
}

TEST(Shuffle, IsASeededPermutation) {
  const Dataset data = texts(500);
  auto mixed = all_texts(data.shuffle(1));
  EXPECT_NE(mixed, all_texts(data));
  EXPECT_EQ(mixed, all_texts(data.shuffle(1)));
  EXPECT_NE(mixed, all_texts(data.shuffle(2)));
  std::sort(mixed.begin(), mixed.end());
  auto whole = all_texts(data);
  std::sort(whole.begin(), whole.end());
  EXPECT_EQ(mixed, whole);
}

TEST(Shuffle, EveryPlaceIsEquallyLikely) {
  std::vector<int> counts(36, 0);
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    const auto order = all_texts(texts(6).shuffle(seed));
    for (size_t place = 0; place < 6; ++place)
      ++counts[place * 6 + static_cast<size_t>(order[place].back() - '0')];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 130);  // 4.5 standard deviations
}

TEST(Select, TakeConcatAndTheAccount) {
  const Dataset data = texts(10);
  const Dataset picked = data.select({3, 3, 0});
  EXPECT_EQ(all_texts(picked), (std::vector<std::string>{"text 3", "text 3", "text 0"}));
  expect_account_adds_up(picked);
  expect_account_adds_up(data.take(4));
  expect_account_adds_up(data.take(40).concat(picked));
  expect_account_adds_up(data.select({9}).shuffle(1).deduplicate().mask_pii());
  EXPECT_EQ(&data[3], &picked[0]) << "rows are shared, not copied";
  EXPECT_REFUSED(data.select({10}), "expected rows below 10, got 10");
  EXPECT_REFUSED(data[-1], "expected a row below 10, got -1");
  EXPECT_REFUSED(data.take(-1), "[Dataset.take]");
  EXPECT_EQ(data.concat(Dataset::from_rows({{.prompt = "p", .completion = "c"}})).format(), "mixed");
}

// Random rows of every kind, with texts that hurt: quotes, control characters, other scripts, odd JSON.
Row random_row(uint64_t key, int kind) {
  uint64_t counter = 0;
  const auto pick = [&](uint64_t n) { return base::below(key, counter++, n); };
  static const std::vector<std::string> pieces = {
      "a",    " ",          "\"", "\\", "\n",           "\r\n", "\t", "é", "😀", "中文", std::string(1, '\0'),
      "\x1f", "<|im_end|>", "{",  "}",  "\xe2\x80\xa8", "1.0",  "ﬁ"};
  const auto text = [&] {
    std::string out = "x";
    for (uint64_t i = pick(12); i > 0; --i) out += pieces[pick(pieces.size())];
    return out;
  };
  Row row;
  if (kind == 0) return {.text = text(), .extra = pick(2) ? "{\"n\": 1.50}" : ""};
  if (kind == 1) return {.prompt = pick(3) ? text() : "", .completion = text()};
  if (pick(2))
    row.tools = {{"f", pick(2) ? text() : "", pick(2) ? "{\"b\": 1.0, \"a\": [1e5]}" : "{\"odd\":  1}"}};
  row.messages.push_back({.role = "user", .content = text()});
  Message answer{.role = "assistant", .content = pick(2) ? text() : ""};
  if (pick(2)) answer.reasoning_content = text();
  if (pick(2) || answer.content.empty())
    answer.tool_calls = {{"f", pick(2) ? "{\"x\":1.0}" : "{\"y\": \"\\u00e9\"}", pick(2) ? "id1" : ""}};
  if (pick(4) == 0) answer.train = true;
  row.messages.push_back(std::move(answer));
  if (pick(2))
    row.messages.push_back({.role = "tool", .content = text(), .tool_call_id = "id1", .name = "f"});
  if (pick(2)) row.extra = "{\"k\": {\"z\": null, \"a\": 12345678901234567890}}";
  return row;
}

TEST(Save, LoadsBackEqual) {
  const TemporaryFolder folder;
  for (int kind = 0; kind < 3; ++kind) {
    std::vector<Row> rows;
    for (uint64_t i = 0; i < 500; ++i) rows.push_back(random_row(base::derive(7, i), kind));
    const Dataset data = Dataset::from_rows(rows);
    const auto file = folder.path() / ("kind" + std::to_string(kind) + ".jsonl");
    data.save(file);
    const Dataset again = Dataset::load(file);
    ASSERT_EQ(again.size(), data.size());
    EXPECT_EQ(again.digest(), data.digest());
    for (int64_t i = 0; i < data.size(); ++i) {
      EXPECT_EQ(again[i].text, data[i].text);
      EXPECT_EQ(again[i].prompt, data[i].prompt);
      EXPECT_EQ(again[i].completion, data[i].completion);
      EXPECT_EQ(again[i].extra, data[i].extra);
      ASSERT_EQ(again[i].messages.size(), data[i].messages.size());
      for (size_t m = 0; m < data[i].messages.size(); ++m) {
        const Message &x = again[i].messages[m], &y = data[i].messages[m];
        EXPECT_TRUE(x.role == y.role && x.content == y.content &&
                    x.reasoning_content == y.reasoning_content && x.name == y.name &&
                    x.tool_call_id == y.tool_call_id && x.train == y.train);
        ASSERT_EQ(x.tool_calls.size(), y.tool_calls.size());
        for (size_t c = 0; c < x.tool_calls.size(); ++c)
          EXPECT_TRUE(x.tool_calls[c].name == y.tool_calls[c].name &&
                      x.tool_calls[c].arguments == y.tool_calls[c].arguments &&
                      x.tool_calls[c].id == y.tool_calls[c].id);
      }
      ASSERT_EQ(again[i].tools.size(), data[i].tools.size());
      for (size_t t = 0; t < data[i].tools.size(); ++t)
        EXPECT_EQ(again[i].tools[t].parameters, data[i].tools[t].parameters);
    }
    again.save(file);
    EXPECT_EQ(Dataset::load(file).digest(), data.digest());
  }
}

TEST(Digest, SeesContentAndOrderNotSources) {
  const Dataset a = Dataset::from_jsonl("{\"text\": \"x\"}\n{\"text\": \"y\"}", "one");
  EXPECT_EQ(a.digest(), Dataset::from_jsonl("{\"text\":\"x\"}\n\n{\"text\":\"y\"}", "two").digest());
  EXPECT_NE(a.digest(), Dataset::from_jsonl("{\"text\": \"y\"}\n{\"text\": \"x\"}").digest());
  EXPECT_EQ(Dataset::from_rows({}).digest(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Describe, SaysRowsFormatAndAccount) {
  EXPECT_EQ(
      texts(2).describe(),
      R"({"rows": 2, "format": "text", "format_reason": "rows given in memory", "messages": 0, "rows_with_tools": 0, "tool_calls": 0, )"
      R"("account": {"read": 2, "kept": 2, "steps": []}})");
}

}  // namespace
}  // namespace whorl
