// Real files, where they are: the row counts that their makers state, and duplicates against brute force.
#include <algorithm>
#include <ctime>
#include <iostream>
#include <numeric>

#include "data/minhash.h"
#include "data/near_duplicates.h"
#include "data/normalise.h"
#include "support.h"

namespace whorl {
namespace {

class RealData : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(test::shared_data()))
      GTEST_SKIP() << "no real data here; set WHORL_SHARED_DATA to its folder";
  }
  static std::filesystem::path at(const std::string& name) { return test::shared_data() / name; }
};

TEST_F(RealData, Gsm8k) {
  const LoadOptions options{.columns = {{"prompt", "question"}, {"completion", "answer"}}};
  EXPECT_EQ(Dataset::load(at("gsm8k/train.jsonl"), options).size(), 7473);
  EXPECT_EQ(Dataset::load(at("gsm8k/test.jsonl"), options).size(), 1319);
  EXPECT_EQ(Dataset::load(at("gsm8k"), options).size(), 8792);
  EXPECT_REFUSED(Dataset::load(at("gsm8k/train.jsonl")), "LoadOptions::columns");
}

TEST_F(RealData, Banking77HasQuotedNewlines) {
  const LoadOptions options{.columns = {{"instruction", "text"}, {"output", "category"}}};
  const Dataset train = Dataset::load(at("banking77/train.csv"), options);
  EXPECT_EQ(train.size(), 10003);
  EXPECT_EQ(Dataset::load(at("banking77/test.csv"), options).size(), 3080);
  bool newline = false;
  for (int64_t i = 0; i < train.size(); ++i)
    newline = newline || test::contains(train[i].messages[0].content, "\n");
  EXPECT_TRUE(newline);
}

TEST_F(RealData, SelfInstruct) {
  const Dataset data =
      Dataset::load(at("self_instruct/seed_tasks.jsonl"),
                    {.columns = {{"input", "/instances/0/input"}, {"output", "/instances/0/output"}}});
  EXPECT_EQ(data.size(), 175);
  EXPECT_EQ(data.format(), "alpaca");
}

TEST_F(RealData, ShareGptAndToolCalls) {
  EXPECT_EQ(Dataset::load(at("formats/sharegpt.json")).size(), 500);
  const Dataset glaive = Dataset::load(at("formats/glaive_toolcall_en_demo.json"));
  EXPECT_EQ(glaive.size(), 300);
  int64_t calls = 0;
  for (int64_t i = 0; i < glaive.size(); ++i)
    for (const Message& message : glaive[i].messages)
      calls += static_cast<int64_t>(message.tool_calls.size());
  EXPECT_GE(calls, 211);
}

TEST_F(RealData, PreferencesAreRefused) {
  EXPECT_REFUSED(Dataset::load(at("formats/dpo_en_demo.json")), "dpo_en_demo.json:2: a preference pair");
}

TEST_F(RealData, PlainText) {
  EXPECT_EQ(Dataset::load(at("text/c4_demo.jsonl")).size(), 300);
  EXPECT_EQ(Dataset::load(at("text/wiki_demo.txt"), {.text_unit = "line"}).size(), 30);
  EXPECT_EQ(Dataset::load(at("tinyshakespeare.txt")).size(), 7222);
}

TEST_F(RealData, NearDuplicatesEqualBruteForceOnC4) {
  const Dataset data = Dataset::load(at("text/c4_demo.jsonl"));
  std::vector<std::string> words;
  for (int64_t i = 0; i < data.size(); ++i) {
    words.push_back(data::words_form(data[i].text));
    words.push_back(
        words.back().substr(0, words.back().size() * static_cast<size_t>(50 + i % 50) / 100));  // cut copies
  }
  for (const double threshold : {0.6, 0.8, 0.9}) {
    const DeduplicateOptions options{.threshold = threshold};
    std::vector<std::vector<uint64_t>> sets;
    for (const std::string& text : words) sets.push_back(data::shingles(text, options.shingle_words));
    std::vector<size_t> truth(words.size());
    std::iota(truth.begin(), truth.end(), size_t{0});
    for (size_t i = 0; i < words.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (truth[i] != truth[j] && data::jaccard(sets[i], sets[j]) >= threshold)
          for (size_t k = 0, from = std::max(truth[i], truth[j]), to = std::min(truth[i], truth[j]); k <= i;
               ++k)
            if (truth[k] == from) truth[k] = to;
    EXPECT_EQ(data::find_near_duplicates(
                  words.size(), [&](size_t i) { return words[i]; }, options)
                  .leader,
              truth)
        << threshold;
  }
}

// Not a limit, a figure for people: megabytes of text per second of one thread's time.
TEST_F(RealData, DeduplicationSpeed) {
  const Dataset data = Dataset::load(at("text/c4_demo.jsonl"));
  std::vector<Row> rows;
  double bytes = 0;
  for (int copy = 0; copy < 30; ++copy)
    for (int64_t i = 0; i < data.size(); ++i) {
      Row row;
      int words = 0;
      for (const char c : data[i].text) {  // unlike copies: another word after every fifth
        row.text += c;
        if (c == ' ' && ++words % 5 == 0) row.text.append(std::to_string(copy * 31 + words)).append(1, ' ');
      }
      bytes += static_cast<double>(row.text.size());
      rows.push_back(std::move(row));
    }
  const Dataset many = Dataset::from_rows(std::move(rows));
  const std::clock_t start = std::clock();
  const int64_t kept = many.deduplicate().size();
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::cout << "deduplicate: " << bytes / 1e6 / seconds << " MB/s a thread, " << bytes / 1e6 << " MB, "
            << kept << " of " << many.size() << " rows kept\n";
  EXPECT_GT(kept, 0);
}

}  // namespace
}  // namespace whorl
