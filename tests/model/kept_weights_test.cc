// Weights kept on disk as they are computed with: the same answers, the same digest; whatever is not what it
// should be is laid out again.
#include "model/kept_weights.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/log.h"
#include "model/gguf_file.h"
#include "model/golden.h"
#include "model/model_impl.h"
#include "whorl/adapter.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;
using tensor::GgufType;
const std::vector<int32_t> kIds = {1, 5, 9, 2, 7, 3, 11, 4, 30, 12};

class KeptWeights : public ::testing::Test {
 protected:
  testing::TemporaryFolder temporary;
  fs::path root = temporary.path(), cache = root / "cache";
  std::string said;

  void SetUp() override {
    base::set_log_sink(
        [this](base::LogLevel level, std::string_view message) {
          said += std::string(base::name_of(level)) + " " + std::string(message) + "\n";
        },
        base::LogLevel::info);
  }
  void TearDown() override { base::set_log_sink({}); }

  ModelOptions options(const std::string& dtype = "auto", const std::string& quantize = "auto") const {
    return {.threads = 2, .dtype = dtype, .quantize = quantize, .weights_cache = cache};
  }
  Model load(const fs::path& path, const ModelOptions& chosen) {
    said.clear();
    return Model::load(path, chosen);
  }
  bool kept() const { return said.find("are kept in") != std::string::npos; }
  bool mapped() const { return said.find("info [Model.load] weights are those of") != std::string::npos; }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    if (fs::exists(cache))
      for (const auto& entry : fs::directory_iterator(cache)) out.push_back(entry.path());
    return out;
  }

  // The first load keeps, the second maps; both are the model that is loaded without.
  void expect_kept(const fs::path& path, ModelOptions chosen) {
    const Model first = load(path, chosen);
    EXPECT_TRUE(kept()) << said;
    const Model second = load(path, chosen);
    EXPECT_TRUE(mapped()) << said;
    EXPECT_FALSE(kept()) << said;
    chosen.weights_cache.clear();
    const Model plain = load(path, chosen);
    EXPECT_EQ(said, "");
    for (const Model* model : {&first, &second}) {
      EXPECT_EQ(model->logits(kIds), plain.logits(kIds));
      EXPECT_EQ(model->digest(), plain.digest());
      EXPECT_EQ(model->impl()->read_digest->get(), plain.impl()->read_digest->get());
      EXPECT_EQ(model->memory_bytes(), plain.memory_bytes());
      EXPECT_EQ(model->quantize(), plain.quantize());
    }
  }
};

TEST_F(KeptWeights, AreTheModelsOwn) {
  for (const std::string name : {"llama", "qwen2", "qwen3"}) {
    const fs::path folder = testing::model_folder(name, root);
    for (const char* dtype : {"float32", "bfloat16"})
      for (const char* quantize : {"none", "int8", "int4"}) expect_kept(folder, options(dtype, quantize));
  }
  EXPECT_EQ(files().size(), 18u) << "one for each checkpoint and way of loading it";
  // Computed with where it lies: a backend copies what does not begin at a multiple of 32.
  for (const fs::path& path : files()) {
    const auto file = tensor::Safetensors::open(path.string(), {}, tensor::Access::map);
    for (const std::string& name : file.names())
      EXPECT_EQ(reinterpret_cast<uintptr_t>(file.tensor(name).raw()) % 32, 0u) << path << " " << name;
  }
}

TEST_F(KeptWeights, InPartWhole) {
  const ModelConfig config = {.vocab_size = 40,
                              .hidden_size = 32,
                              .intermediate_size = 50,
                              .num_hidden_layers = 1,
                              .num_attention_heads = 2};
  const fs::path folder = root / "model";
  Model::create(config, 1).save(folder.string());
  const auto expected = Model::load(folder, {.threads = 2, .quantize = "int8"}).logits(kIds);
  EXPECT_EQ(load(folder, options("auto", "int8")).logits(kIds), expected);
  EXPECT_NE(said.find("1 matrix stays whole"), std::string::npos) << said;
  EXPECT_TRUE(kept()) << said;
  const Model mapped_one = load(folder, options("auto", "int8"));
  EXPECT_TRUE(mapped()) << said;
  EXPECT_EQ(mapped_one.logits(kIds), expected);
  EXPECT_EQ(mapped_one.quantize(), "mixed");
}

TEST_F(KeptWeights, OfGgufFilesToo) {
  const std::vector<std::vector<GgufType>> kinds = {
      std::vector<GgufType>(8, GgufType::q8_0),
      std::vector<GgufType>(8, GgufType::q4_0),
      {GgufType::q6_k, GgufType::q4_k, GgufType::q4_0, GgufType::q8_0, GgufType::q4_1, GgufType::q5_k,
       GgufType::q5_0, GgufType::q5_1}};
  for (size_t i = 0; i < kinds.size(); ++i) {
    const fs::path path = root / ("model" + std::to_string(i) + ".gguf");
    testing::GgufFile().write(path, kinds[i]);
    for (const char* quantize : {"auto", "none", "int8"}) expect_kept(path, options("auto", quantize));
  }
}

// Same name, same size, same times: a checkpoint copied over another with its times.
TEST_F(KeptWeights, AnotherCheckpointInTheSamePlaceIsNoticed) {
  const fs::path folder = testing::model_folder("llama", root), weights = folder / "model.safetensors";
  const auto before = load(folder, options()).logits(kIds);
  const auto time = fs::last_write_time(weights);
  std::map<std::string, Tensor> tensors;
  {
    const auto file = tensor::Safetensors::open(weights.string());
    for (const std::string& name : file.names()) {
      const Tensor x = file.tensor(name), wide = model::convert(x, DType::float32);
      Tensor scaled = Tensor::zeros(DType::float32, x.shape());
      for (int64_t k = 0; k < x.numel(); ++k) scaled.data<float>()[k] = 1.5f * wide.data<float>()[k];
      tensors[name] = model::convert(scaled, x.dtype());
    }
  }
  tensor::write_safetensors(weights.string(), tensors);
  fs::last_write_time(weights, time);
  const auto after = load(folder, options()).logits(kIds);
  EXPECT_NE(after, before);
  EXPECT_NE(said.find("is of another checkpoint"), std::string::npos) << said;
  EXPECT_TRUE(kept());
  EXPECT_EQ(load(folder, options()).logits(kIds), after);
  EXPECT_TRUE(mapped());
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(KeptWeights, AChangedTimeIsAChange) {
  const fs::path folder = testing::model_folder("llama", root);
  load(folder, options());
  fs::last_write_time(folder / "model.safetensors", fs::file_time_type::clock::now() + std::chrono::hours(1));
  load(folder, options());
  EXPECT_TRUE(kept()) << said;
}

TEST_F(KeptWeights, DamagedOnesAreLaidOutAgain) {
  const fs::path folder = testing::model_folder("llama", root);
  const auto expected = load(folder, options()).logits(kIds);
  const fs::path file = files().at(0);
  const std::vector<std::pair<const char*, std::function<void()>>> damages = {
      {"cut off", [&] { fs::resize_file(file, fs::file_size(file) - 1); }},
      {"empty", [&] { fs::resize_file(file, 0); }},
      {"a byte of its head",
       [&] { std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).put('\xff'); }},
      {"a part missing",
       [&] {
         std::map<std::string, Tensor> tensors;
         const auto kept = tensor::Safetensors::open(file.string());
         for (const std::string& name : kept.names()) tensors[name] = kept.tensor(name);
         tensors.erase(tensors.begin());
         tensor::write_safetensors(file.string(), tensors, kept.metadata());
       }},
      {"a digest missing", [&] {
         std::map<std::string, Tensor> tensors;
         const auto kept = tensor::Safetensors::open(file.string());
         for (const std::string& name : kept.names()) tensors[name] = kept.tensor(name);
         auto metadata = kept.metadata();
         metadata["known"] = "{}";
         tensor::write_safetensors(file.string(), tensors, metadata);
       }}};
  for (const auto& [what, damage] : damages) {
    damage();
    EXPECT_EQ(load(folder, options()).logits(kIds), expected) << what;
    EXPECT_NE(said.find("warn [Model.load] " + file.string() + " is damaged and not used"), std::string::npos)
        << what << ": " << said;
    EXPECT_TRUE(kept()) << what << ": " << said;
    EXPECT_EQ(load(folder, options()).logits(kIds), expected) << what;
    EXPECT_TRUE(mapped()) << what << ": " << said;
  }
}

TEST_F(KeptWeights, AFolderThatCannotBeWrittenIsAWarning) {
  const fs::path folder = testing::model_folder("llama", root);
  fs::create_directories(cache);
  // A name that is taken by a folder cannot be replaced by a file, whoever asks.
  const auto expected = load(folder, options()).logits(kIds);
  const fs::path file = files().at(0);
  fs::remove(file);
  fs::create_directories(file / "in the way");
  EXPECT_EQ(load(folder, options()).logits(kIds), expected);
  EXPECT_NE(said.find("warn [Model.load] weights are not kept: "), std::string::npos) << said;
}

TEST_F(KeptWeights, WhatIsNoFolderIsRefused) {
  const fs::path folder = testing::model_folder("llama", root);
  std::ofstream(cache) << "a file";
  EXPECT_THROW(load(folder, options()), std::invalid_argument);
  EXPECT_THROW(Model::create({.vocab_size = 40,
                              .hidden_size = 32,
                              .intermediate_size = 64,
                              .num_hidden_layers = 1,
                              .num_attention_heads = 2},
                             1, {}, options()),
               std::invalid_argument);
}

// Whoever has the old file mapped goes on with it.
TEST_F(KeptWeights, AMappedModelOutlivesItsFile) {
  const fs::path folder = testing::model_folder("llama", root);
  load(folder, options());
  const Model model = load(folder, options());
  const auto expected = model.logits(kIds);
  fs::remove_all(cache);
  EXPECT_EQ(model.logits(kIds), expected);
}

}  // namespace
}  // namespace whorl
