// What a model folder may hold, and what is refused by name.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <thread>

#include "model/golden.h"
#include "whorl/adapter.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing
using nlohmann::json;
namespace fs = std::filesystem;

using Tensors = std::map<std::string, Tensor>;

Tensors tensors_in(const fs::path& folder) {
  const auto file = tensor::Safetensors::open((folder / "model.safetensors").string());
  Tensors out;
  for (const std::string& name : file.names()) out.emplace(name, file.tensor(name));
  return out;
}

void write_config(const fs::path& folder, const json& config) {
  std::ofstream(folder / "config.json") << config.dump();
}

std::string refusal(const fs::path& folder) {
  try {
    Model::load(folder, {.threads = 1});
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "nothing was thrown";
}

class Folder : public ::testing::Test {
 protected:
  TemporaryFolder temporary;
  fs::path root = temporary.path();
  int next = 0;

  fs::path fresh(const std::string& name = "llama") {
    return model_folder(name, root / std::to_string(next++));
  }

  void expect_refused(const std::function<void(json&)>& spoil, const std::string& expected,
                      const std::string& name = "llama") {
    const fs::path folder = fresh(name);
    json config = read_json_file(folder / "config.json");
    spoil(config);
    write_config(folder, config);
    const std::string message = refusal(folder);
    EXPECT_NE(message.find(expected), std::string::npos) << "expected '" << expected << "' in: " << message;
    EXPECT_EQ(message.rfind("[Model.load]", 0), 0u) << message;
  }
  void expect_refused_tensors(const std::function<void(Tensors&)>& spoil, const std::string& expected,
                              const std::string& name = "llama") {
    const fs::path folder = fresh(name);
    Tensors tensors = tensors_in(folder);
    spoil(tensors);
    fs::remove(folder / "model.safetensors");
    tensor::write_safetensors((folder / "model.safetensors").string(), tensors);
    const std::string message = refusal(folder);
    EXPECT_NE(message.find(expected), std::string::npos) << "expected '" << expected << "' in: " << message;
  }
};

TEST_F(Folder, ConfigurationsThatWouldComputeSomethingElse) {
  const std::vector<std::pair<std::function<void(json&)>, std::string>> table = {
      {[](json& c) { c["architectures"] = {"GPT2LMHeadModel"}; }, "GPT2LMHeadModel"},
      {[](json& c) { c["model_type"] = "gemma"; }, "model_type 'llama', got 'gemma'"},
      {[](json& c) { c.erase("architectures"), c["model_type"] = "gemma"; }, "'gemma' is not supported"},
      {[](json& c) { c.erase("hidden_size"); }, "hidden_size"},
      {[](json& c) { c["hidden_size"] = "64"; },
       "expected field 'hidden_size' to be an integer, got a string"},
      {[](json& c) { c["hidden_size"] = -64; }, "hidden_size"},
      {[](json& c) { c["num_attention_heads"] = 3; }, "num_attention_heads"},
      {[](json& c) { c["num_key_value_heads"] = 3; }, "num_key_value_heads"},
      {[](json& c) { c["num_hidden_layers"] = 0; }, "num_hidden_layers"},
      {[](json& c) { c["vocab_size"] = 1e18; }, "vocab_size"},
      {[](json& c) { c["head_dim"] = 15; }, "even head_dim"},
      {[](json& c) { c["rms_norm_eps"] = 0; }, "rms_norm_eps"},
      {[](json& c) { c["rope_theta"] = -1; }, "rope_theta"},
      {[](json& c) { c["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}}; }, "rope type 'yarn'"},
      {[](json& c) { c["rope_scaling"] = {{"type", "dynamic"}, {"factor", 4.0}}; }, "rope type 'dynamic'"},
      {[](json& c) { c["rope_scaling"] = {{"rope_type", "longrope"}}; }, "rope type 'longrope'"},
      {[](json& c) { c["rope_scaling"] = {{"rope_type", "linear"}}; }, "factor"},
      {[](json& c) { c["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 2}, {"mscale", 1}}; },
       "mscale"},
      {[](json& c) { c["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 8}}; }, "low_freq_factor"},
      {[](json& c) { c["rope_parameters"] = {{"rope_type", "yarn"}, {"rope_theta", 1e4}}; },
       "rope type 'yarn'"},
      {[](json& c) { c["hidden_act"] = "gelu"; }, "hidden_act"},
      {[](json& c) { c["mlp_bias"] = true; }, "mlp_bias"},
      {[](json& c) { c["partial_rotary_factor"] = 0.5; }, "partial_rotary_factor"},
      {[](json& c) { c["quantization_config"] = {{"quant_method", "gptq"}}; }, "quantization_config"},
      {[](json& c) { c["attn_logit_softcapping"] = 50.0; }, "attn_logit_softcapping"},
      {[](json& c) { c["num_local_experts"] = 8; }, "num_local_experts"},
      {[](json& c) { c["embedding_multiplier"] = 12.0; }, "embedding_multiplier"},
      {[](json& c) { c["layer_types"] = {"full_attention", "sliding_attention"}; }, "layer_types"},
      {[](json& c) { c["eos_token_id"] = 128; }, "eos_token_id"},
      {[](json& c) { c["eos_token_id"] = "2"; }, "eos_token_id"},
      {[](json& c) { c["torch_dtype"] = "int8"; }, "torch_dtype"}};
  for (const auto& [spoil, expected] : table) expect_refused(spoil, expected);
  expect_refused(
      [](json& c) { c["use_sliding_window"] = true, c["sliding_window"] = 8, c["max_window_layers"] = 1; },
      "use_sliding_window", "qwen2");
  expect_refused([](json& c) { c["attention_bias"] = true; }, "attention_bias", "mistral");
}

TEST_F(Folder, ConfigurationsThatAreHarmless) {
  const fs::path folder = fresh();
  json config = read_json_file(folder / "config.json");
  config["pretraining_tp"] = 1;
  config["attention_dropout"] = 0.1;
  config["_name_or_path"] = "somebody/something";
  config["my_own_note"] = "kept";
  config["logits_scaling"] = nullptr;
  config["num_local_experts"] = 0;
  config["eos_token_id"] = {2, 5};
  write_config(folder, config);
  EXPECT_EQ(refusal(folder), "nothing was thrown");
  EXPECT_EQ(Model::load(folder).config().eos_token_ids, (std::vector<int64_t>{2, 5}));
  const fs::path qwen = fresh("qwen2");
  config = read_json_file(qwen / "config.json");
  config["use_sliding_window"] = true;
  config["max_window_layers"] = 2;  // no layer slides
  write_config(qwen, config);
  EXPECT_EQ(refusal(qwen), "nothing was thrown");
}

TEST_F(Folder, RopeInTheWordsOfTransformersFive) {
  for (const std::string name : {"llama_rope_llama3", "llama_rope_linear"}) {
    const fs::path folder = fresh(name);
    const auto golden = golden_tensors(name);
    json config = read_json_file(folder / "config.json");
    json rope = config["rope_scaling"];
    rope["rope_theta"] = config["rope_theta"];
    config.erase("rope_scaling");
    config.erase("rope_theta");
    config["rope_parameters"] = rope;
    config["dtype"] = config["torch_dtype"];
    config.erase("torch_dtype");
    write_config(folder, config);
    const Model model = Model::load(folder, {.dtype = "float32"});
    EXPECT_LE(max_error(model.logits(ids_of(golden.tensor("ids"))), values_of(golden.tensor("logits"))),
              1e-4);
  }
}

TEST_F(Folder, TensorsMustBeExactlyThose) {
  expect_refused_tensors([](Tensors& t) { t.erase("model.layers.1.mlp.up_proj.weight"); },
                         "missing tensors: 'model.layers.1.mlp.up_proj.weight'");
  expect_refused_tensors(
      [](Tensors& t) { t.emplace("model.layers.2.mlp.up_proj.weight", t.at("lm_head.weight")); },
      "'model.layers.2.mlp.up_proj.weight'");
  expect_refused_tensors([](Tensors& t) { t["model.norm.weight"] = t.at("model.norm.weight").rows(0, 32); },
                         "'model.norm.weight' expected [64], got [32]");
  expect_refused_tensors([](Tensors& t) { t.erase("lm_head.weight"); }, "missing tensors: 'lm_head.weight'");
  expect_refused_tensors([](Tensors& t) { t.erase("model.layers.0.self_attn.q_norm.weight"); }, "q_norm",
                         "qwen3");
  expect_refused_tensors([](Tensors& t) { t.erase("model.layers.0.self_attn.k_proj.bias"); }, "k_proj.bias",
                         "qwen2");
  for (const uint16_t bits : {uint16_t{0x7fc0}, uint16_t{0xff80}})
    expect_refused_tensors(
        [bits](Tensors& t) {
          Tensor copy = Tensor::zeros(DType::bfloat16, t.at("lm_head.weight").shape());
          copy.data<uint16_t>()[77] = bits;
          t["lm_head.weight"] = copy;
        },
        "tensor 'lm_head.weight' has 1 values that are NaN or infinite");
}

TEST_F(Folder, HarmlessExtraTensors) {
  const fs::path folder = fresh("llama_tied");
  Tensors tensors = tensors_in(folder);
  tensors.emplace("model.layers.0.self_attn.rotary_emb.inv_freq", Tensor::zeros(DType::float32, {8}));
  tensors.emplace("lm_head.weight", tensors.at("model.embed_tokens.weight"));
  tensor::write_safetensors((folder / "model.safetensors").string(), tensors);
  EXPECT_EQ(refusal(folder), "nothing was thrown");
  Tensor other = Tensor::zeros(DType::bfloat16, tensors.at("lm_head.weight").shape());
  tensors["lm_head.weight"] = other;
  tensor::write_safetensors((folder / "model.safetensors").string(), tensors);
  EXPECT_NE(refusal(folder).find("differs from"), std::string::npos);
}

TEST_F(Folder, FilesThatAreNotThereOrNotWhole) {
  EXPECT_NE(refusal(root / "nowhere").find("is not a folder"), std::string::npos);
  fs::path folder = fresh();
  fs::remove(folder / "config.json");
  EXPECT_NE(refusal(folder).find("no config.json"), std::string::npos);
  folder = fresh();
  std::ofstream(folder / "config.json") << "{\"model_type\": \"llama\",}";
  EXPECT_EQ(refusal(folder).rfind("[Model.load]", 0), 0u);
  folder = fresh();
  fs::resize_file(folder / "model.safetensors", 5000);
  EXPECT_NE(refusal(folder), "nothing was thrown");
  folder = fresh();
  std::ofstream(folder / "tokenizer.json") << "{";
  EXPECT_NE(refusal(folder), "nothing was thrown");
  folder = fresh();
  std::ofstream(folder / "generation_config.json") << "{\"eos_token_id\": [1, \"x\"]}";
  EXPECT_NE(refusal(folder).find("eos_token_id"), std::string::npos);
}

TEST_F(Folder, GenerationConfigDecidesWhatEnds) {
  const fs::path folder = fresh();
  std::ofstream(folder / "generation_config.json") << "{\"eos_token_id\": [9, 8]}";
  EXPECT_EQ(Model::load(folder).config().eos_token_ids, (std::vector<int64_t>{9, 8}));
}

TEST_F(Folder, Float16IsWidenedOnlyWhenAsked) {
  const fs::path folder = fresh();
  Tensors tensors = tensors_in(folder);
  for (auto& [name, x] : tensors) {
    Tensor half = Tensor::zeros(DType::float16, x.shape());  // zeros: any exact value would do
    x = half;
  }
  tensor::write_safetensors((folder / "model.safetensors").string(), tensors);
  EXPECT_NE(refusal(folder).find("float16"), std::string::npos);
  EXPECT_EQ(Model::load(folder, {.dtype = "float32"}).config().torch_dtype, "float32");
}

// ---- writing ----------------------------------------------------------------------------------------

TEST_F(Folder, SavedAndLoadedItIsTheSameModel) {
  for (const std::string name :
       {"llama", "llama_bias", "llama_tied", "llama_rope_llama3", "mistral", "qwen2", "qwen3"}) {
    const Model model = Model::load(fresh(name));
    const auto ids = ids_of(golden_tensors(name).tensor("ids"));
    const fs::path folder = root / ("saved_" + name);
    model.save(folder);
    const Model again = Model::load(folder);
    EXPECT_EQ(again.digest(), model.digest()) << name;
    EXPECT_EQ(again.logits(ids), model.logits(ids)) << name;
    EXPECT_EQ(again.config().torch_dtype, "bfloat16");
    EXPECT_EQ(fs::file_size(folder / "model.safetensors") / 1000,
              fs::file_size(root / std::to_string(next - 1) / name / "model.safetensors") / 1000);
  }
}

TEST_F(Folder, TheDigestIsOfValuesNotOfStorage) {
  const fs::path folder = fresh();
  EXPECT_EQ(Model::load(folder, {.dtype = "float32"}).digest(), Model::load(folder).digest());
  const fs::path ends = fresh();
  std::ofstream(ends / "generation_config.json") << "{\"eos_token_id\": [9]}";
  EXPECT_EQ(Model::load(ends).digest(), Model::load(folder).digest());
  EXPECT_NE(Model::load(fresh("qwen2")).digest(), Model::load(folder).digest());
  EXPECT_NE(Model::load(fresh("llama_rope_linear")).digest(), Model::load(folder).digest());
}

TEST_F(Folder, CreatedModelsDependOnTheSeedAndSurviveSaving) {
  for (const std::string type : {"llama", "mistral", "qwen2", "qwen3"}) {
    ModelConfig c;
    c.model_type = type;
    c.vocab_size = 96;
    c.hidden_size = 32;
    c.intermediate_size = 64;
    c.num_hidden_layers = 2;
    c.num_attention_heads = 4;
    c.eos_token_ids = {3};
    c.tie_word_embeddings = type == "llama";
    if (type == "mistral") c.sliding_window = 5;
    const Model a = Model::create(c, 1), b = Model::create(c, 1), other = Model::create(c, 2);
    EXPECT_EQ(a.digest(), b.digest());
    EXPECT_NE(a.digest(), other.digest());
    a.save(root / type);
    const Model again = Model::load(root / type);
    EXPECT_EQ(again.digest(), a.digest()) << type;
    EXPECT_EQ(again.config().eos_token_ids, c.eos_token_ids);
    EXPECT_EQ(again.config().sliding_window, c.sliding_window);
    const std::vector<int32_t> ids = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    EXPECT_EQ(again.logits(ids), a.logits(ids));
    a.save(root / (type + "_half"), "bfloat16");
    EXPECT_LT(max_error(Model::load(root / (type + "_half")).logits(ids), a.logits(ids)), 0.05);
  }
}

TEST_F(Folder, SavingReplacesAModelWholeAndNothingElse) {
  const Model model = Model::load(fresh());
  const fs::path folder = root / "target";
  model.save(folder);
  std::ofstream(folder / "model-00001-of-00002.safetensors") << "an old shard";
  model.save(folder);
  EXPECT_FALSE(fs::exists(folder / "model-00001-of-00002.safetensors"));
  std::ofstream(folder / "diary.txt") << "mine";
  EXPECT_THROW(model.save(folder), std::invalid_argument);
  EXPECT_TRUE(fs::exists(folder / "diary.txt"));
  for (const auto& entry : fs::directory_iterator(root))
    EXPECT_EQ(entry.path().filename().string().find("tmp"), std::string::npos) << "leftover";
}

// A reader that loads over and over while two models take turns sees one or the other, never a mixture.
TEST_F(Folder, AReaderSeesTheOldModelOrTheNew) {
  const Model a = Model::load(fresh()), b = Model::load(fresh("qwen2"));
  const fs::path folder = root / "shared";
  a.save(folder);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i) (i % 2 ? a : b).save(folder);
    done = true;
  });
  int loads = 0;
  while (!done || loads == 0) {
    try {
      const std::string digest = Model::load(folder, {.threads = 1}).digest();
      EXPECT_TRUE(digest == a.digest() || digest == b.digest());
    } catch (const std::exception&) {
      // The folder was replaced between two of our reads; a mixture would have loaded, or failed its checks.
    }
    ++loads;
  }
  writer.join();
}

TEST_F(Folder, MergedItComputesWhatTheAdapterComputes) {
  for (const std::string name : {"llama", "qwen3"}) {
    const Model model = Model::load(fresh(name), {.dtype = "float32"});
    const Adapter adapter = Adapter::load(golden_root() / name / "adapter");
    const auto ids = ids_of(golden_tensors(name).tensor("ids"));
    model.save_merged(root / ("merged_" + name), adapter);
    const Model merged = Model::load(root / ("merged_" + name));
    EXPECT_LE(max_error(merged.logits(ids), model.logits(ids, &adapter)), 1e-4);
    EXPECT_GT(max_error(merged.logits(ids), model.logits(ids)), 1e-2);
    EXPECT_THROW(Model::load(fresh("llama_rope_linear"))
                     .save_merged(root / "x", Adapter::load(golden_root() / "qwen3" / "adapter")),
                 std::invalid_argument);
  }
}

TEST_F(Folder, ShardsAreRead) {
  const fs::path folder = fresh();
  const Model whole = Model::load(folder);
  const Tensors tensors = tensors_in(folder);
  fs::remove(folder / "model.safetensors");
  tensor::write_safetensors_model(folder.string(), tensors, 60'000);
  EXPECT_TRUE(fs::exists(folder / "model.safetensors.index.json"));
  EXPECT_EQ(Model::load(folder).digest(), whole.digest());
}

}  // namespace
}  // namespace whorl
