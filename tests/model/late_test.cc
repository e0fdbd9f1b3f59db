// Models whose weights are laid out at their second use: the file is read until then and not after that, and
// the numbers are those of weights that were laid out while loading.
#include <gtest/gtest.h>

#include <fstream>

#include "model/gguf_file.h"
#include "model/golden.h"
#include "whorl/model.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;
using tensor::GgufType;
const std::vector<int32_t> kIds = {1, 5, 9, 2, 7, 3, 11, 4, 30, 12};

class LateModel : public ::testing::Test {
 protected:
  testing::TemporaryFolder temporary;
  fs::path root = temporary.path();

  // Where a model lies, and the file with its numbers.
  struct Lying {
    std::string name;
    fs::path path, numbers;
    ModelOptions options = {.threads = 2};
  };
  Lying folder(const std::string& name, const std::string& dtype, bool tied) const {
    ModelConfig c{.vocab_size = 300,
                  .hidden_size = 64,
                  .intermediate_size = 96,
                  .num_hidden_layers = 2,
                  .num_attention_heads = 4,
                  .num_key_value_heads = 2};
    c.tie_word_embeddings = tied, c.torch_dtype = dtype;
    Model::create(c, 1).save(root / name);
    return {name, root / name, root / name / "model.safetensors"};
  }
  Lying gguf(const std::string& name, const std::vector<GgufType>& types) const {
    const fs::path path = root / (name + ".gguf");
    testing::GgufFile().write(path, types);
    return {name, path, path};
  }
  std::vector<Lying> all() const {
    return {folder("float32", "float32", false),
            folder("bfloat16", "bfloat16", false),
            folder("tied", "bfloat16", true),
            gguf("q8_0", std::vector<GgufType>(8, GgufType::q8_0)),
            gguf("q4_0", std::vector<GgufType>(8, GgufType::q4_0)),
            gguf("mixed", {GgufType::q8_0, GgufType::q4_k, GgufType::q4_0, GgufType::q8_0, GgufType::q4_1,
                           GgufType::q8_0, GgufType::q4_1, GgufType::q4_k})};
  }
  // The file's numbers become others, where they lie.
  static void overwrite(const fs::path& path) {
    const auto size = static_cast<std::streamoff>(fs::file_size(path)), half = size / 2;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(half);
    file << std::string(static_cast<size_t>(size - half), '\x11');
  }
};

TEST_F(LateModel, HasTheBitsOfOneLaidOutWhileLoading) {
  for (const Lying& at : all()) {
    ModelOptions keeps = at.options;
    keeps.weights_cache = root / "cache";
    const Model laid_out = Model::load(at.path, keeps), late = Model::load(at.path, at.options);
    const auto want = laid_out.logits(kIds);
    for (const char* time : {"first", "second", "third"})
      EXPECT_EQ(late.logits(kIds), want) << at.name << time;
    EXPECT_EQ(late.memory_bytes(), laid_out.memory_bytes()) << at.name;
    EXPECT_EQ(Model::load(at.path, at.options).digest(), laid_out.digest()) << at.name;
  }
}

TEST_F(LateModel, ReadsItsFileUntilItsSecondStep) {
  for (const Lying& at : all()) {
    const Model late = Model::load(at.path, at.options);
    const auto want = late.logits(kIds);
    EXPECT_EQ(late.logits(kIds), want) << at.name;
    const Model unused = Model::load(at.path, at.options);
    overwrite(at.numbers);
    EXPECT_EQ(late.logits(kIds), want) << at.name << " was read after its second step";
    EXPECT_NE(unused.logits(kIds), want) << at.name << " was laid out while loading";
  }
}

// Whoever asks for other numbers than those of the file, or keeps them, has a layout at once.
TEST_F(LateModel, IsLaidOutWhileLoadingWhereItsNumbersAreOthers) {
  for (const auto& [dtype, quantize, cache] :
       {std::tuple{"float32", "none", ""}, {"auto", "int8", ""}, {"auto", "none", "kept"}}) {
    Lying at = folder("converted", "bfloat16", false);
    at.options.dtype = dtype, at.options.quantize = quantize;
    if (*cache) at.options.weights_cache = root / cache;
    const auto want = Model::load(at.path, at.options).logits(kIds);
    const Model model = Model::load(at.path, at.options);
    overwrite(at.numbers);
    EXPECT_EQ(model.logits(kIds), want) << dtype << " " << quantize << " " << cache;
  }
}

double status_bytes(const std::string& field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.rfind(field + ":", 0) == 0) return std::stod(line.substr(field.size() + 1)) * 1024;
  return 0;
}

// Either a matrix's pages in the file or those of its layout, never both for long.
TEST_F(LateModel, HoldsItsWeightsOnce) {
  Model::create({.vocab_size = 8192,
                 .hidden_size = 512,
                 .intermediate_size = 1536,
                 .num_hidden_layers = 4,
                 .num_attention_heads = 8},
                1)
      .save(root / "large");
  const double own = status_bytes("RssAnon"), file = status_bytes("RssFile");
  const Model late = Model::load(root / "large", {.threads = 2});
  const auto size = static_cast<double>(late.memory_bytes());
  EXPECT_GT(size, 40e6);
  EXPECT_LT(status_bytes("RssAnon") - own, 0.1 * size) << "laid out while loading";
  late.logits(kIds);
  EXPECT_LT(status_bytes("RssAnon") - own, 0.1 * size) << "laid out by the first step";
  EXPECT_GT(status_bytes("RssFile") - file, 0.8 * size);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  late.logits(kIds);
  EXPECT_LT(status_bytes("VmHWM") - own - file, 1.5 * size) << "the file's pages beside all layouts";
  EXPECT_GT(status_bytes("RssAnon") - own, 0.8 * size) << "not laid out by the second step";
  EXPECT_LT(status_bytes("RssFile") - file, 0.1 * size) << "the file's pages are still held";
}

// A model's file may be replaced by another at any time, as save() does it.
TEST_F(LateModel, OutlivesItsFile) {
  for (const Lying& at : all()) {
    const auto want = Model::load(at.path, at.options).logits(kIds);
    const Model late = Model::load(at.path, at.options);
    fs::remove(at.numbers);
    EXPECT_EQ(late.logits(kIds), want) << at.name;
    EXPECT_EQ(late.logits(kIds), want) << at.name;
  }
}

// While loading, not when they are first read: in the second block, and in the last.
TEST_F(LateModel, RefusesScalesThatAreNoNumbers) {
  for (const auto& [type, minimum] :
       {std::pair{GgufType::q8_0, 0}, {GgufType::q4_0, 0}, {GgufType::q4_1, 0}, {GgufType::q4_1, 2}})
    for (const bool last : {false, true}) {
      const Lying lying = gguf("broken", std::vector<GgufType>(8, type));
      const auto info = tensor::Gguf::open(lying.path.string()).info("blk.0.ffn_up.weight");
      const auto block = static_cast<uint64_t>(tensor::bytes_per_block(type));
      std::fstream file(lying.path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(info.offset + (last ? info.size - block : block)) + minimum);
      file.write("\x01\xfc", 2);
      file.close();
      try {
        Model::load(lying.path, lying.options);
        ADD_FAILURE() << "expected an error for " << tensor::name_of(type) << ", " << minimum << last;
      } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("'blk.0.ffn_up.weight' has values that are NaN or infinite"),
                  std::string::npos)
            << error.what();
      }
    }
}

}  // namespace
}  // namespace whorl
