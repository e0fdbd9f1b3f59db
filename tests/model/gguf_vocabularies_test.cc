// Whole published vocabularies, put into the keys of a GGUF file, give the ids of their tokenizer.json.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/gguf_tokenizer.h"
#include "model/golden.h"

namespace whorl::model {
namespace {

namespace fs = std::filesystem;
using Metadata = std::map<std::string, tensor::GgufValue>;
using nlohmann::json;
using text::Tokenizer;

fs::path data_folder() {
  const char* given = std::getenv("WHORL_SHARED_DATA");
  return given ? fs::path(given) : fs::path(WHORL_SOURCE_DIR) / "../shared/data";
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// As a converter writes them: what the model does not have is an added token, "rest" of a kind of its own.
Metadata vocabulary_of(const json& file) {
  const json& vocab = file["model"]["vocab"];
  size_t n = vocab.size();
  for (const json& added : file["added_tokens"]) n = std::max(n, added["id"].get<size_t>() + 1);
  std::vector<std::string> tokens(n);
  std::vector<int64_t> kinds(n, 1);
  for (const auto& [token, id] : vocab.items()) tokens[id.get<size_t>()] = token;
  for (const json& added : file["added_tokens"]) {
    tokens[added["id"].get<size_t>()] = added["content"];
    kinds[added["id"].get<size_t>()] = added["special"].get<bool>() ? 3 : 4;
  }
  return {{"tokenizer.ggml.tokens", tokens}, {"tokenizer.ggml.token_type", kinds}};
}

void expect_same_ids(const Tokenizer& ours, const Tokenizer& published) {
  for (const char* name : {"text/wiki_demo.txt", "text/c4_demo.jsonl", "tinyshakespeare.txt"}) {
    const std::string text = read(data_folder() / name).substr(0, 50000);
    ASSERT_FALSE(text.empty()) << name;
    const std::string whole = text.substr(0, text.rfind('\n'));  // no character is cut
    EXPECT_TRUE(ours.encode(whole, false) == published.encode(whole, false)) << name;
    EXPECT_TRUE(ours.decode(ours.encode(whole, false), false) ==
                published.decode(published.encode(whole, false), false))
        << name;
  }
  const json golden =
      testing::read_json_file(fs::path(WHORL_SOURCE_DIR) / "tests/text/golden/tokenizers.json");
  for (const std::string text : golden["snippets"])
    EXPECT_EQ(ours.encode(text, true), published.encode(text, true)) << text;
}

class GgufVocabularies : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(data_folder() / "tokenizers"))
      GTEST_SKIP() << "no published tokenizers in " << data_folder();
  }
  static std::string file_of(const std::string& name) {
    return read(data_folder() / "tokenizers" / name / "tokenizer.json");
  }
};

TEST_F(GgufVocabularies, Gpt2) {
  const json file = json::parse(file_of("gpt2"));
  Metadata metadata = vocabulary_of(file);
  metadata["tokenizer.ggml.model"] = "gpt2";
  metadata["tokenizer.ggml.pre"] = "gpt-2";
  metadata["tokenizer.ggml.merges"] = file["model"]["merges"].get<std::vector<std::string>>();
  const Tokenizer published = Tokenizer::from_json(file.dump());
  expect_same_ids(Tokenizer::from_json(gguf_text({metadata, "[test]"}).files.at("tokenizer.json")),
                  published);
}

// Llama 2's pieces: the runs of spaces score worst, then every piece in the order of ids.
TEST_F(GgufVocabularies, Llama2) {
  json file = json::parse(file_of("phi3"));
  for (json& added : file["added_tokens"]) added["rstrip"] = false;  // no key of a GGUF file says so
  Metadata metadata = vocabulary_of(file);
  const auto& tokens = std::get<std::vector<std::string>>(metadata["tokenizer.ggml.tokens"]);
  std::vector<double> scores;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool spaces = tokens[i].size() > 3 && tokens[i].find_first_not_of("\u2581") == std::string::npos;
    scores.push_back(spaces ? -1e9 : -static_cast<double>(i));
  }
  metadata["tokenizer.ggml.model"] = "llama";
  metadata["tokenizer.ggml.scores"] = scores;
  const std::string ours = gguf_text({metadata, "[test]"}).files.at("tokenizer.json");
  const json mine = json::parse(ours)["model"]["merges"], &theirs = file["model"]["merges"];
  std::vector<std::string> joined;  // published as "left right"
  for (const json& pair : mine)
    joined.push_back(pair[0].get<std::string>() + " " + pair[1].get<std::string>());
  EXPECT_TRUE(json(joined) == theirs);
  expect_same_ids(Tokenizer::from_json(ours), Tokenizer::from_json(file.dump()));
}

// llama2.c's own file: the length of the longest piece, then a score and a text for each.
Metadata llama2c_pieces(const std::string& bytes) {
  std::vector<std::string> tokens;
  std::vector<double> scores;
  std::vector<int64_t> kinds = {2, 3, 3};
  for (size_t at = 4; at < bytes.size();) {
    float score = 0;
    int32_t size = 0;
    std::memcpy(&score, bytes.data() + at, 4);
    std::memcpy(&size, bytes.data() + at + 4, 4);
    std::string piece = bytes.substr(at + 8, static_cast<size_t>(size)), out;
    if (tokens.size() == 1 || tokens.size() == 2) piece = piece.substr(1, piece.size() - 2);  // "\n<s>\n"
    for (const char c : piece) out += c == ' ' ? std::string("\u2581") : std::string(1, c);
    tokens.push_back(out);
    scores.push_back(score);
    at += 8 + static_cast<size_t>(size);
  }
  kinds.resize(tokens.size(), 1);
  return {{"tokenizer.ggml.model", "llama"},
          {"tokenizer.ggml.tokens", tokens},
          {"tokenizer.ggml.scores", scores},
          {"tokenizer.ggml.token_type", kinds}};
}

// The ids of the published greedy transcript of stories260K end where it ends, and spell it again.
TEST_F(GgufVocabularies, StoriesTranscript) {
  const std::string story = [] {
    std::string out = read(fs::path(WHORL_SOURCE_DIR) / "tests/serve/golden/stories260K.txt");
    if (out.ends_with('\n')) out.pop_back();
    return out;
  }();
  const Metadata metadata = llama2c_pieces(read(data_folder() / "stories260K" / "tok512.bin"));
  const Tokenizer tokenizer =
      Tokenizer::from_json(gguf_text({metadata, "[test]"}).files.at("tokenizer.json"));
  const std::vector<int32_t> ids = tokenizer.encode(story, true);
  EXPECT_EQ(tokenizer.vocab_size(), 512u);
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(ids.size(), 201u);  // BOS and the 200 tokens that the model drew
  EXPECT_EQ(tokenizer.decode(ids, true), story);
}

}  // namespace
}  // namespace whorl::model
