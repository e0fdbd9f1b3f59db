// A GGUF file alone is a whole model: it encodes, decodes and renders; what cannot be reproduced is named.
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "model/golden.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;

fs::path golden(const std::string& name) { return testing::golden_root() / "gguf" / name; }

std::string bytes_of(const fs::path& path) {
  return base::read_file(*base::FileSystem::real(), path.string(), 1 << 20, "gguf_text_test");
}

TEST(GgufText, AFileAloneReadsAndWritesText) {
  const Model model = Model::load(golden("bpe.gguf"), {.threads = 1});
  ASSERT_TRUE(model.has_tokenizer());
  const std::string text = "The don't 1234 <|turn|>==> 你好";
  const std::vector<int32_t> ids = model.encode(text);
  const auto bos = static_cast<int32_t>(model.config().bos_token_id);
  EXPECT_EQ(ids.front(), bos);  // llama-bpe adds it where the file does not say
  EXPECT_EQ(model.decode(ids, true), "The don't 1234 ==> 你好");
  EXPECT_EQ(model.decode(ids, false), "<|endoftext|>" + text);
  EXPECT_EQ(model.config().eos_token_ids, (std::vector<int64_t>{bos, bos + 1}));  // end of text, end of turn
  EXPECT_EQ(model.apply_chat_template({{.role = "user", .content = "Hi"}}), "<|endoftext|>user: Hi\n");
  EXPECT_EQ(model.logits(ids).size(), ids.size() * static_cast<size_t>(model.config().vocab_size));
}

TEST(GgufText, IsSavedWithTheModel) {
  const Model model = Model::load(golden("sentencepiece.gguf"), {.threads = 1});
  const testing::TemporaryFolder out;
  model.save(fs::path(out.path()) / "saved");
  const Model saved = Model::load(fs::path(out.path()) / "saved", {.threads = 1});
  const std::string text = "naïve café <s> \x01 end";
  EXPECT_EQ(saved.encode(text), model.encode(text));
  EXPECT_EQ(saved.decode(model.encode(text)), model.decode(model.encode(text)));
  EXPECT_FALSE(model.has_chat_template());
}

TEST(GgufText, FilesOfTheFolderComeFirst) {
  const testing::TemporaryFolder out;
  const fs::path folder = out.path();
  fs::copy_file(golden("bpe.gguf"), folder / "model.gguf");
  std::ofstream(folder / "chat_template.jinja") << "mine";
  const Model model = Model::load(folder / "model.gguf", {.threads = 1});
  EXPECT_EQ(model.apply_chat_template({{.role = "user", .content = "Hi"}}), "mine");
  EXPECT_TRUE(model.has_tokenizer());
  std::ofstream(folder / "tokenizer.json") << R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})";
  EXPECT_EQ(Model::load(folder / "model.gguf", {.threads = 1}).encode("a"), std::vector<int32_t>{0});
}

TEST(GgufText, WhatCannotBeReproducedTakesTokenIds) {
  std::string bytes = bytes_of(golden("bpe.gguf"));
  bytes.replace(bytes.find("llama-bpe"), 9, "llama-xyz");
  const testing::TemporaryFolder out;
  const fs::path path = fs::path(out.path()) / "odd.gguf";
  std::ofstream(path, std::ios::binary) << bytes;
  const Model model = Model::load(path, {.threads = 1});
  EXPECT_FALSE(model.has_tokenizer());
  EXPECT_FALSE(model.logits({1, 2}).empty());
  try {
    model.encode("a");
    FAIL() << "nothing was thrown";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("odd.gguf: 'tokenizer.ggml.pre' is 'llama-xyz'"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace whorl
