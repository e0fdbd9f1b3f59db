// The tokenizer in a GGUF file gives the ids that the reference packages give with the same vocabulary.
#include "model/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/golden.h"

namespace whorl::model {
namespace {

namespace fs = std::filesystem;
using Metadata = std::map<std::string, tensor::GgufValue>;
using nlohmann::json;
using text::Tokenizer;

fs::path file_at(const std::string& name) { return testing::golden_root() / "gguf" / name; }

const json& expected() {
  static const json out = testing::read_json_file(file_at("tokenizers.json"));
  return out;
}

Metadata metadata_of(const std::string& name) {
  return tensor::Gguf::open(file_at(name).string()).metadata();
}

Metadata bpe(const std::string& pre) {
  Metadata out = metadata_of("bpe.gguf");
  out["tokenizer.ggml.pre"] = pre;
  return out;
}

GgufText text_of(const Metadata& metadata) { return gguf_text({metadata, "[test]"}); }

Tokenizer tokenizer_of(const Metadata& metadata) {
  return Tokenizer::from_json(text_of(metadata).files.at("tokenizer.json"));
}

// How many texts get other ids, or other text back, than `golden` says.
int differing(const Tokenizer& tokenizer, const json& golden, bool ordinary) {
  int out = 0;
  for (size_t i = 0; i < expected()["texts"].size(); ++i) {
    const std::string text = expected()["texts"][i];
    const std::vector<int32_t> ids =
        ordinary ? tokenizer.encode_ordinary(text) : tokenizer.encode(text, false);
    const json& changed = golden["decoded"];
    const auto back = changed.find(std::to_string(i));
    const std::string decoded = back == changed.end() ? text : back->get<std::string>();
    out += ids != golden["ids"][i].get<std::vector<int32_t>>() || tokenizer.decode(ids, false) != decoded;
  }
  return out;
}

TEST(GgufTokenizer, ByteLevelUnderEachRuleOfCutting) {
  ASSERT_GT(expected()["texts"].size(), 300u);
  for (const auto& [pre, golden] : expected()["bpe"].items())
    EXPECT_EQ(differing(tokenizer_of(bpe(pre)), golden, false), 0) << pre;
}

TEST(GgufTokenizer, EachRuleIsSeenToMatter) {
  for (const auto& [pre, golden] : expected()["bpe"].items())
    for (const auto& [other, unused] : expected()["bpe"].items())
      EXPECT_EQ(differing(tokenizer_of(bpe(other)), golden, false) == 0, other == pre) << pre << " " << other;
  Metadata reversed = bpe("gpt-2");
  auto& merges = std::get<std::vector<std::string>>(reversed["tokenizer.ggml.merges"]);
  std::reverse(merges.begin(), merges.end());
  EXPECT_GT(differing(tokenizer_of(reversed), expected()["bpe"]["gpt-2"], false), 0);
}

TEST(GgufTokenizer, SentencePieceFromItsScores) {
  const json& golden = expected()["sentencepiece"];
  Metadata metadata = metadata_of("sentencepiece.gguf");
  EXPECT_EQ(differing(tokenizer_of(metadata), golden, true), 0);

  json broken = json::parse(text_of(metadata).files.at("tokenizer.json"));
  broken["model"]["byte_fallback"] = false;
  // Characters outside the vocabulary become the unknown token, which no ordinary text may.
  EXPECT_THROW(differing(Tokenizer::from_json(broken.dump()), golden, true), std::invalid_argument);
  for (double& score : std::get<std::vector<double>>(metadata["tokenizer.ggml.scores"])) score = -score;
  EXPECT_GT(differing(tokenizer_of(metadata), golden, true), 0);
}

TEST(GgufTokenizer, PrefixAndTokensAroundAText) {
  Metadata metadata = metadata_of("sentencepiece.gguf");
  const auto ids = [&](const std::string& text) { return tokenizer_of(metadata).encode(text, true); };
  const std::vector<int32_t> plain = tokenizer_of(metadata).encode_ordinary("The end");
  std::vector<int32_t> around = plain;
  around.insert(around.begin(), 1);
  EXPECT_EQ(ids("The end"), around);
  metadata["tokenizer.ggml.add_eos_token"] = int64_t{1};
  around.push_back(2);
  EXPECT_EQ(ids("The end"), around);
  metadata["tokenizer.ggml.add_bos_token"] = metadata["tokenizer.ggml.add_eos_token"] = int64_t{0};
  EXPECT_EQ(ids("The end"), plain);
  EXPECT_EQ(ids("<s>The end").front(), 1);
  metadata["tokenizer.ggml.add_space_prefix"] = int64_t{0};
  EXPECT_EQ(ids(" The end"), plain);
  EXPECT_EQ(tokenizer_of(metadata).decode(plain, true), " The end");
}

TEST(GgufTokenizer, SaysWhatItCannotReproduce) {
  const auto why = [](const std::string& key, const std::string& value) {
    Metadata metadata = metadata_of("bpe.gguf");
    metadata[key] = value;
    const GgufText text = text_of(metadata);
    EXPECT_FALSE(text.files.contains("tokenizer.json"));
    EXPECT_TRUE(text.files.contains("tokenizer_config.json"));  // the template is still there
    return text.no_tokenizer;
  };
  EXPECT_EQ(why("tokenizer.ggml.model", "bert"),
            "'tokenizer.ggml.model' is 'bert'; Whorl reads gpt2 and llama");
  EXPECT_EQ(why("tokenizer.ggml.pre", "tekken"),
            "'tokenizer.ggml.pre' is 'tekken'; Whorl reads gpt-2, llama-bpe, qwen2, smollm and default");
  Metadata metadata = metadata_of("bpe.gguf");
  metadata.erase("tokenizer.ggml.pre");
  EXPECT_NE(text_of(metadata).no_tokenizer.find("no 'tokenizer.ggml.pre'"), std::string::npos);
  EXPECT_EQ(text_of({}).no_tokenizer, "no 'tokenizer.ggml.model'");
  EXPECT_TRUE(text_of({}).files.empty());
}

// `words` must be in what is thrown after `change`.
template <class Change>
void refused(const std::string& file, Change change, const std::string& words) {
  Metadata metadata = metadata_of(file);
  change(metadata);
  try {
    text_of(metadata);
    ADD_FAILURE() << "nothing was thrown: " << words;
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(GgufTokenizer, RefusesBrokenVocabularies) {
  const auto set = [](const std::string& key, const tensor::GgufValue& value) {
    return [=](Metadata& m) { m["tokenizer.ggml." + key] = value; };
  };
  using Texts = std::vector<std::string>;
  refused("bpe.gguf", set("merges", Texts{"a zz"}),
          "merge 'a zz' in 'tokenizer.ggml.merges': there is no token 'zz'");
  refused("bpe.gguf", set("merges", Texts{"q q"}), "there is no token 'qq'");
  refused("bpe.gguf", set("merges", Texts{"ab"}), "expected two tokens with a space between");
  refused("bpe.gguf", set("tokens", Texts{"a", "b", "a"}), "token 'a' has two ids, 0 and 2");
  refused("bpe.gguf", set("tokens", Texts{}), "got 0");
  refused("bpe.gguf", set("tokens", Texts{"\xff"}), "is not valid UTF-8");
  refused("bpe.gguf", set("tokens", Texts{std::string(1025, 'a')}), "more than 1024");
  refused("bpe.gguf", set("tokens", int64_t{1}), "'tokenizer.ggml.tokens' is not of the expected kind");
  refused("bpe.gguf", set("token_type", std::vector<int64_t>{1}),
          "'tokenizer.ggml.token_type', one for each");
  refused("bpe.gguf", set("eos_token_id", int64_t{100000}),
          "'tokenizer.ggml.eos_token_id' is 100000, outside");
  refused("sentencepiece.gguf", set("scores", std::vector<double>{1}),
          "'tokenizer.ggml.scores', one for each");
  refused("sentencepiece.gguf", set("token_type", std::vector<int64_t>(480, 7)), "expected 1 to 6, got 7");
  refused(
      "sentencepiece.gguf",
      [](Metadata& m) { std::get<std::vector<double>>(m["tokenizer.ggml.scores"])[5] = std::nan(""); },
      "the score of token 5");
  refused(
      "bpe.gguf",
      [](Metadata& m) {
        m.erase("tokenizer.ggml.bos_token_id");
        m["tokenizer.ggml.add_bos_token"] = int64_t{1};
      },
      "there is no 'tokenizer.ggml.bos_token_id'");
}

}  // namespace
}  // namespace whorl::model
