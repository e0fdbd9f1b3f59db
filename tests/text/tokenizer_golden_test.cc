// Ids equal those of the reference implementation, token for token, on real tokenizers and real texts.
#include <nlohmann/json.hpp>
#include <sstream>

#include "text/fixtures.h"

namespace whorl::text {
namespace {

using Json = nlohmann::ordered_json;

const Json& goldens() {
  static const Json json = Json::parse(read_file(source_dir() / "tests/text/golden/tokenizers.json"));
  return json;
}

std::vector<std::string> texts_of(const std::string& name) {
  const auto data = *shared_data();
  if (name == "wiki") return {read_file(data / "text/wiki_demo.txt")};
  if (name == "tinyshakespeare") return {read_file(data / "tinyshakespeare.txt")};
  std::vector<std::string> out;
  std::istringstream lines(read_file(data / "text/c4_demo.jsonl"));
  for (std::string line; std::getline(lines, line);) out.push_back(Json::parse(line)["text"]);
  return out;
}

class TokenizerGolden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    WHORL_SKIP_WITHOUT_SHARED_DATA();
    tokenizer = shared_tokenizer(GetParam());
    golden = goldens()["tokenizers"][GetParam()];
  }
  std::optional<Tokenizer> tokenizer;
  Json golden;
};

TEST_P(TokenizerGolden, Snippets) {
  EXPECT_EQ(tokenizer->vocab_size(), golden["vocab_size"].get<std::size_t>());
  for (std::size_t i = 0; i < goldens()["snippets"].size(); ++i) {
    const std::string text = goldens()["snippets"][i];
    const Json& expected = golden["snippets"][i];
    SCOPED_TRACE(text);
    const auto ids = tokenizer->encode(text, false);
    EXPECT_EQ(Json(ids), expected["ids"]);
    EXPECT_EQ(hash_ids(tokenizer->encode(text, true)), expected["with_special"].get<std::string>());
    EXPECT_EQ(tokenizer->encode_with_offsets(text, false).ids, ids);
    EXPECT_EQ(tokenizer->encode_segments(text, {}, false).ids, ids);
    EXPECT_EQ(tokenizer->decode(ids, false), expected["decoded"].get<std::string>());
    EXPECT_EQ(tokenizer->decode(ids, true), expected["skipped"].get<std::string>());
  }
}

TEST_P(TokenizerGolden, RealTexts) {
  for (const auto& [name, expected] : golden["texts"].items()) {
    SCOPED_TRACE(name);
    std::vector<TokenId> ids;
    for (const std::string& text : texts_of(name)) {
      const auto part = tokenizer->encode(text, false);
      ids.insert(ids.end(), part.begin(), part.end());
    }
    EXPECT_EQ(ids.size(), expected["count"].get<std::size_t>());
    EXPECT_EQ(hash_ids(ids), expected["hash"].get<std::string>());
    // A planted fault: one wrong id among them all must change the hash.
    ids[ids.size() / 2] ^= 1;
    EXPECT_NE(hash_ids(ids), expected["hash"].get<std::string>());
  }
}

// What the tokens stand for, put together by the ranges, is the text.
TEST_P(TokenizerGolden, RangesCoverTheText) {
  for (const auto& snippet : goldens()["snippets"]) {
    const std::string text = snippet;
    SCOPED_TRACE(text);
    const Encoding encoding = tokenizer->encode_with_offsets(text, false);
    std::size_t at = 0;
    for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
      EXPECT_LE(at, encoding.ranges[i].begin);
      EXPECT_LE(encoding.ranges[i].begin, encoding.ranges[i].end);
      at = encoding.ranges[i].end;
    }
    EXPECT_LE(at, text.size());
  }
  const std::string text = "Hello 世界 😀 don't";
  const Encoding encoding = tokenizer->encode_with_offsets(text, false);
  std::string joined;
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    joined += text.substr(encoding.ranges[i].begin, encoding.ranges[i].end - encoding.ranges[i].begin);
  }
  EXPECT_EQ(joined, text);
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerGolden, testing::Values("gpt2", "neox", "phi3"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace whorl::text
