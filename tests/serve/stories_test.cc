// Really trained weights: the engine must reproduce the transcript that their author published, byte for
// byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/check.h"
#include "serve/parallel_harness.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;

fs::path data_folder() {
  const char* given = std::getenv("WHORL_SHARED_DATA");
  return (given ? fs::path(given) : fs::path(WHORL_SOURCE_DIR) / "../shared/data") / "stories260K";
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string quoted(const fs::path& path) { return base::concat("'", path.string(), "'"); }

// The planted fault: the heads of one q_proj change places, as under a wrong permutation.
void swap_heads_of_q(const fs::path& file) {
  std::string bytes = read(file);
  const std::string name = "\"model.layers.0.self_attn.q_proj.weight\"";
  const size_t offsets = bytes.find("data_offsets\":[", bytes.find(name)) + 15;
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  const size_t begin = 8 + header + std::stoull(bytes.substr(offsets, 20)), half = 32 * 64 * sizeof(float);
  const auto first = bytes.begin() + static_cast<int64_t>(begin), second = first + static_cast<int64_t>(half);
  std::swap_ranges(first, second, second);
  std::ofstream(file, std::ios::binary) << bytes;
}

class Stories : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(data_folder() / "stories260K.bin"))
      GTEST_SKIP() << "the stories260K weights are not in " << data_folder() << "; set WHORL_SHARED_DATA";
    const std::string command = "python3 " +
                                quoted(fs::path(WHORL_SOURCE_DIR) / "scripts/convert_llama2c.py") + " " +
                                quoted(data_folder() / "stories260K.bin") + " " +
                                quoted(data_folder() / "tok512.bin") + " " + quoted(folder_.path);
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  testing::TemporaryFolder folder_;
};

TEST_F(Stories, GreedyTranscriptByteForByte) {
  const Model model = Model::load(folder_.path);
  InferenceEngine engine(model);
  GenerateRequest request;
  request.prompt_ids = {static_cast<int32_t>(model.config().bos_token_id)};
  request.sampling.max_new_tokens = 200;
  const auto result = engine.generate(request);
  std::string golden = read(fs::path(WHORL_SOURCE_DIR) / "tests/serve/golden/stories260K.txt");
  if (golden.ends_with('\n')) golden.pop_back();
  EXPECT_EQ(result.ids.size(), 200u);
  EXPECT_EQ(result.text, golden);

  swap_heads_of_q(folder_.path / "model.safetensors");
  InferenceEngine broken(Model::load(folder_.path));
  EXPECT_NE(broken.generate(request).text, golden);
}

// Eight heads, four of keys: as many ranks as can share them.
TEST_F(Stories, SeveralRanksTellTheSame) {
  GenerateRequest request;
  request.prompt = "Once upon a time";
  request.sampling.max_new_tokens = 120;
  InferenceEngine alone(Model::load(folder_.path));
  const std::string wanted = alone.generate(request).text;
  for (const int size : {2, 4}) {
    std::string told;
    testing::expect_none(testing::Ranks{folder_.path}.run(size, [&](const Model& model) {
      InferenceEngine engine(model);
      told = engine.generate(request).text;
    }));
    EXPECT_EQ(told, wanted);
  }
}

TEST_F(Stories, StreamedInPiecesAndFromAPrompt) {
  const Model model = Model::load(folder_.path);
  InferenceEngine engine(model);
  GenerateRequest request;
  request.prompt = "Once upon a time";
  request.sampling.max_new_tokens = 60;
  std::string streamed;
  const auto results =
      engine.submit(request, [&](const StreamEvent& event) { return streamed += event.text, true; }).wait();
  EXPECT_EQ(streamed, results[0].text);
  const std::string golden = read(fs::path(WHORL_SOURCE_DIR) / "tests/serve/golden/stories260K.txt");
  EXPECT_TRUE(("Once upon a time" + results[0].text).starts_with(golden.substr(0, 80))) << results[0].text;
}

}  // namespace
}  // namespace whorl
