// A GGUF file and the folder that it was made from are the same model.
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/temporary_folder.h"
#include "model/golden.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;
const fs::path golden = fs::path(WHORL_SOURCE_DIR) / "tests" / "golden";
const std::vector<int32_t> ids = {1, 5, 9, 2, 7, 3, 11, 4, 30, 12};

class GgufModel : public ::testing::TestWithParam<const char*> {};

TEST_P(GgufModel, AnswersAsItsFolder) {
  const std::string family = GetParam();
  const Model folder = Model::load(golden / family, {.threads = 1});
  const Model file = Model::load(golden / "gguf" / (family + ".gguf"), {.threads = 1});
  EXPECT_EQ(file.config().model_type, family);
  EXPECT_EQ(file.config().tie_word_embeddings, folder.config().tie_word_embeddings);
  EXPECT_EQ(file.logits(ids), folder.logits(ids));
}

TEST_P(GgufModel, RoundsAndSavesAsItsFolder) {
  const std::string family = GetParam();
  const fs::path path = golden / "gguf" / (family + ".gguf");
  const ModelOptions int8{.threads = 1, .quantize = "int8"};
  EXPECT_EQ(Model::load(path, int8).logits(ids), Model::load(golden / family, int8).logits(ids));
  const testing::TemporaryFolder out;
  Model::load(path, {.threads = 1}).save(fs::path(out.path()) / "saved");
  EXPECT_EQ(Model::load(fs::path(out.path()) / "saved", {.threads = 1}).logits(ids),
            Model::load(golden / family, {.threads = 1}).logits(ids));
}

INSTANTIATE_TEST_SUITE_P(Families, GgufModel, ::testing::Values("llama", "qwen2", "qwen3"));

// A copy of llama.gguf in which `from` was replaced by `to`, of the same length.
std::string refusal_after(const std::string& from, const std::string& to) {
  std::string bytes = base::read_file(*base::FileSystem::real(), (golden / "gguf" / "llama.gguf").string(),
                                      1 << 20, "gguf_test");
  const size_t at = bytes.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  bytes.replace(at, from.size(), to);
  const testing::TemporaryFolder folder;
  const fs::path path = fs::path(folder.path()) / "broken.gguf";
  std::ofstream(path, std::ios::binary) << bytes;
  try {
    Model::load(path, {.threads = 1});
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(GgufModel, RefusesByName) {
  const auto says = [](const std::string& from, const std::string& to, const std::string& words) {
    const std::string message = refusal_after(from, to);
    EXPECT_NE(message.find(words), std::string::npos) << words << " not in: " << message;
    EXPECT_NE(message.find("broken.gguf"), std::string::npos) << message;
  };
  says("blk.0.ffn_up.weight", "blk.0.ffn_xx.weight", "missing tensor 'blk.0.ffn_up.weight'");
  says("llama.block_count", "llama.black_count", "expected the key 'llama.block_count'");
}

}  // namespace
}  // namespace whorl
