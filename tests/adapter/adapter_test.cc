// Adapters against what PEFT itself wrote and resolved (tests/adapter/fixtures, see make_peft_fixture.py),
// and against what must be refused.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "adapter/adapter_impl.h"
#include "adapter/binding.h"
#include "adapter/peft.h"
#include "adapter/targets.h"
#include "base/json.h"
#include "base/temporary_folder.h"
#include "tensor/safetensors.h"

namespace whorl {
namespace {

using adapter::BaseDescription;
using adapter::LoraAdapter;
using adapter::LoraConfig;
using adapter::Targets;
using nlohmann::json;

const std::string fixtures = std::string(WHORL_SOURCE_DIR) + "/tests/adapter/fixtures";

json expected() {
  std::ifstream in(fixtures + "/expected.json");
  return json::parse(in);
}

BaseDescription fixture_base() {
  BaseDescription base;
  const json linears = expected().at("linears");
  for (const auto& [name, shape] : linears.items()) base.modules[name] = {shape[0], shape[1]};
  return base;
}

// The message of the invalid_argument that `body` must throw.
template <class Body>
std::string refusal(Body body) {
  try {
    body();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  ADD_FAILURE() << "expected an invalid_argument";
  return "";
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

double sum(const Tensor& t) {
  double out = 0;
  for (int64_t i = 0; i < t.numel(); ++i) out += static_cast<double>(t.data<float>()[i]);
  return out;
}

class PeftFixture : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, PeftFixture,
                         testing::Values("plain", "all_linear_rslora", "regex", "patterns", "layers",
                                         "excluded"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(PeftFixture, ReadsWhatPeftWroteAndResolvesAsPeftDid) {
  const json want = expected().at("cases").at(GetParam());
  const Adapter adapter = Adapter::load(fixtures + "/" + GetParam());
  const LoraAdapter& lora = adapter::adapter_impl(adapter);
  ASSERT_EQ(lora.modules.size(), want.size());
  const auto norms = adapter.delta_norms();
  for (const auto& m : lora.modules) {
    SCOPED_TRACE(m.name);
    const json& w = want.at(m.name);
    EXPECT_EQ(m.rank, w.at("rank").get<int64_t>());
    EXPECT_DOUBLE_EQ(m.scale, w.at("scale").get<double>());
    EXPECT_NEAR(sum(m.a), w.at("a_sum").get<double>(), 1e-9);
    EXPECT_NEAR(sum(m.b), w.at("b_sum").get<double>(), 1e-9);
    EXPECT_NEAR(norms.at(m.name), w.at("delta_norm").get<double>(), 1e-5);
  }
  const auto report = adapter::bind(lora, fixture_base(), "test");
  EXPECT_EQ(report.bound.size(), want.size()) << report.to_string();
  EXPECT_TRUE(adapter.warnings().empty()) << adapter.warnings().front();
}

TEST_P(PeftFixture, RoundTripKeepsEveryBit) {
  base::TemporaryFolder folder;
  const Adapter adapter = Adapter::load(fixtures + "/" + GetParam());
  adapter.save(folder.path() + "/copy");
  const Adapter copy = Adapter::load(folder.path() + "/copy");
  EXPECT_EQ(copy.digest(), adapter.digest());
  copy.save(folder.path() + "/again");
  for (const char* file : {adapter::config_file, adapter::weights_file})
    EXPECT_EQ(base::read_file(folder.path() + "/copy/" + file),
              base::read_file(folder.path() + "/again/" + file))
        << file;
}

TEST(Adapter, Bfloat16HalvesTheFileAndChangesTheDigest) {
  base::TemporaryFolder folder;
  const Adapter adapter = Adapter::load(fixtures + "/plain");
  adapter.save(folder.path() + "/narrow", {.dtype = "bfloat16"});
  const Adapter narrow = Adapter::load(folder.path() + "/narrow");
  EXPECT_NE(narrow.digest(), adapter.digest());
  const auto wide_values = adapter.tensor(adapter.tensors()[0].name).values;
  const auto narrow_values = narrow.tensor(adapter.tensors()[0].name).values;
  for (size_t i = 0; i < wide_values.size(); ++i)
    EXPECT_EQ(narrow_values[i], bf16_to_float(float_to_bf16(wide_values[i])));
  EXPECT_TRUE(says(refusal([&] { adapter.save(folder.path() + "/x", {.dtype = "int8"}); }), "'int8'"));
}

TEST(Adapter, EmptyHandleSaysSo) {
  EXPECT_TRUE(says(refusal([] { Adapter().rank(); }), "empty"));
}

TEST(Adapter, MetadataTravels) {
  base::TemporaryFolder folder;
  const Adapter adapter = Adapter::load(fixtures + "/plain").with_metadata({{"run", "7"}, {"note", "größe"}});
  adapter.save(folder.path() + "/a");
  const Adapter copy = Adapter::load(folder.path() + "/a");
  EXPECT_EQ(copy.metadata(), (std::map<std::string, std::string>{{"run", "7"}, {"note", "größe"}}));
  EXPECT_EQ(copy.digest(), adapter.digest());
}

// ---- what is refused, by name --------------------------------------------------------------------------

LoraAdapter small(const std::string& init = "false", uint64_t seed = 1) {
  LoraConfig config;
  config.rank = 2;
  config.alpha = 4;
  config.init = init;
  config.targets = Targets::of_list({"q_proj", "v_proj"});
  return adapter::create_lora(config, fixture_base(), seed);
}

class Refused : public testing::Test {
 protected:
  // The message for a folder whose configuration was merged with `patch`.
  std::string with_config(const json& patch) {
    json config = json::parse(adapter::to_peft_config(small()));
    config.merge_patch(patch);
    return message(config.dump(), adapter::to_peft_weights(small(), "float32"));
  }
  std::string with_tensors(const std::map<std::string, Tensor>& tensors) {
    return message(adapter::to_peft_config(small()), tensor::to_safetensors(tensors));
  }
  std::string message(const std::string& config, const std::string& weights) {
    return refusal([&] { adapter::parse_peft(config, weights, "[Adapter.load] x"); });
  }
  std::map<std::string, Tensor> tensors() {
    std::map<std::string, Tensor> out;
    for (const auto& m : small().modules) {
      out[adapter::tensor_name(m.name, 'A')] = m.a;
      out[adapter::tensor_name(m.name, 'B')] = m.b;
    }
    return out;
  }
};

TEST_F(Refused, MethodsThatAreNotPlainLora) {
  const json patches[] = {{{"use_dora", true}},
                          {{"alora_invocation_tokens", {1, 2}}},
                          {{"use_qalora", true}},
                          {{"monteclora_config", {{"x", 1}}}},
                          {{"kasa_config", {{"x", 1}}}},
                          {{"use_bdlora", {{"x", 1}}}},
                          {{"arrow_config", {{"x", 1}}}},
                          {{"layer_replication", {{0, 2}}}},
                          {{"target_parameters", {"experts"}}},
                          {{"modules_to_save", {"lm_head"}}},
                          {{"trainable_token_indices", {3}}},
                          {{"lora_bias", true}},
                          {{"megatron_config", {{"x", 1}}}}};
  for (const json& patch : patches) {
    const std::string field = patch.items().begin().key(), text = with_config(patch);
    EXPECT_TRUE(says(text, field)) << text;
  }
  EXPECT_TRUE(says(with_config({{"bias", "lora_only"}}), "lora_only"));
  EXPECT_TRUE(says(with_config({{"peft_type", "VERA"}}), "VERA"));
  EXPECT_TRUE(says(with_config({{"peft_type", nullptr}}), "peft_type"));
  for (const char* init : {"pissa", "pissa_niter_4", "olora", "corda", "lora_ga", "loftq"})
    EXPECT_TRUE(says(with_config({{"init_lora_weights", init}}), init));
}

TEST_F(Refused, BadNumbersInTheConfiguration) {
  EXPECT_TRUE(says(with_config({{"r", 0}}), "rank"));
  EXPECT_TRUE(says(with_config({{"r", -4}}), "rank"));
  EXPECT_TRUE(says(with_config({{"r", 100000}}), "rank"));
  EXPECT_TRUE(says(with_config({{"r", 2.5}}), "integer"));
  EXPECT_TRUE(says(with_config({{"r", true}}), "integer"));
  EXPECT_TRUE(says(with_config({{"lora_alpha", 0}}), "alpha"));
  EXPECT_TRUE(says(with_config({{"lora_alpha", "16"}}), "number"));
  EXPECT_TRUE(says(with_config({{"lora_dropout", 1.5}}), "dropout"));
  EXPECT_TRUE(says(with_config({{"rank_pattern", {{"q_proj", 0}}}}), "rank_pattern"));
  const std::string weights = adapter::to_peft_weights(small(), "float32");
  EXPECT_TRUE(
      says(message(R"({"peft_type": "LORA", "r": 2, "lora_alpha": NaN})", weights), "not valid JSON"));
  EXPECT_TRUE(says(message(R"({"peft_type": "LORA", "r": 2, "r": 4})", weights), "duplicate key 'r'"));
}

TEST_F(Refused, MisspeltKeysNameTheNearest) {
  json config = json::parse(adapter::to_peft_config(small()));
  config.erase("lora_alpha");
  config["lora_alhpa"] = 4;
  EXPECT_TRUE(says(message(config.dump(), adapter::to_peft_weights(small(), "float32")),
                   "did you mean 'lora_alpha'"));
}

TEST_F(Refused, PatternsThatCannotRunInLinearTime) {
  EXPECT_TRUE(says(with_config({{"rank_pattern", {{"(?=q_proj)q_proj", 2}}}}), "linear time"));
  EXPECT_TRUE(says(with_config({{"rank_pattern", {{"(q)_\\1", 2}}}}), "linear time"));
}

TEST_F(Refused, TensorsThatAreIncompleteOrForeign) {
  const std::string a = adapter::tensor_name("model.layers.0.self_attn.q_proj", 'A');
  const std::string b = adapter::tensor_name("model.layers.0.self_attn.q_proj", 'B');
  auto t = tensors();
  t.erase(b);
  EXPECT_TRUE(says(with_tensors(t), b)) << "half of a pair";
  t = tensors();
  t[a] = Tensor::zeros(DType::float32, {3, 8});
  EXPECT_TRUE(says(with_tensors(t), "q_proj")) << "rank unlike the configuration";
  t = tensors();
  t[a] = Tensor::zeros(DType::float32, {2, 2, 2});
  EXPECT_TRUE(says(with_tensors(t), a)) << "not a matrix";
  for (const char* extra :
       {"base_model.model.lm_head.weight", "base_model.model.x.lora_magnitude_vector",
        "base_model.model.x.lora_embedding_A", "base_model.model.x.lora_B.bias", "junk"}) {
    t = tensors();
    t[extra] = Tensor::zeros(DType::float32, {2, 2});
    EXPECT_TRUE(says(with_tensors(t), extra));
  }
  EXPECT_TRUE(says(with_tensors({}), "no tensors"));
}

TEST_F(Refused, NumbersThatAreNotFinite) {
  const std::string b = adapter::tensor_name("model.layers.1.self_attn.v_proj", 'B');
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    LoraAdapter lora = small();
    lora.modules.back().b.data<float>()[3] = bad;
    EXPECT_TRUE(
        says(message(adapter::to_peft_config(lora), adapter::to_peft_weights(lora, "float32")), "v_proj"));
    EXPECT_TRUE(
        says(message(adapter::to_peft_config(lora), adapter::to_peft_weights(lora, "bfloat16")), "v_proj"));
  }
}

TEST_F(Refused, PicklesByNameWithWhatToDo) {
  base::TemporaryFolder folder;
  base::write_file_durably(folder.path() + "/adapter_config.json", adapter::to_peft_config(small()));
  EXPECT_TRUE(says(refusal([&] { Adapter::load(folder.path()); }), "adapter_model.safetensors"));
  base::write_file_durably(folder.path() + "/adapter_model.bin", "PK");
  EXPECT_TRUE(says(refusal([&] { Adapter::load(folder.path()); }), "pickle"));
}

TEST(AdapterConfig, KeysOfANewerPeftAreReported) {
  json config = json::parse(adapter::to_peft_config(small()));
  config["sparkle_strength_schedule"] = 3;
  const auto lora = adapter::parse_peft(config.dump(), adapter::to_peft_weights(small(), "float32"), "[x] y");
  ASSERT_EQ(lora.warnings.size(), 1u);
  EXPECT_TRUE(says(lora.warnings[0], "sparkle_strength_schedule"));
}

// ---- binding -------------------------------------------------------------------------------------------

TEST(Binding, NamesWhatDoesNotFit) {
  const BaseDescription base = fixture_base();
  EXPECT_TRUE(adapter::binding_report(small(), base).complete());

  LoraAdapter lora = small();
  lora.modules[0].name = "model.layers.9.self_attn.q_proj";
  auto report = adapter::binding_report(lora, base);
  EXPECT_EQ(report.unbound, std::vector<std::string>{"model.layers.9.self_attn.q_proj"});
  EXPECT_EQ(report.missing, std::vector<std::string>{"model.layers.0.self_attn.q_proj"});
  EXPECT_TRUE(says(refusal([&] { adapter::bind(lora, base, "Engine"); }), "model.layers.9.self_attn.q_proj"));

  lora = small();
  lora.modules.pop_back();
  EXPECT_EQ(adapter::binding_report(lora, base).missing.size(), 1u);

  lora = small();
  lora.config.targets = Targets::of_list({"q_proj"});
  EXPECT_EQ(adapter::binding_report(lora, base).untargeted.size(), 2u);

  BaseDescription wider = base;
  wider.modules.at("model.layers.0.self_attn.q_proj").inputs = 16;
  EXPECT_EQ(adapter::binding_report(small(), wider).mismatched.size(), 1u);

  lora = small();
  lora.metadata["base_model_digest"] = "one";
  BaseDescription other = base;
  EXPECT_TRUE(adapter::binding_report(lora, other).complete()) << "an unknown digest is no difference";
  other.digest = "two";
  EXPECT_TRUE(says(refusal([&] { adapter::bind(lora, other, "Engine"); }), "other weights"));
}

// ---- targets -------------------------------------------------------------------------------------------

std::vector<std::string> linears() {
  std::vector<std::string> out;
  for (const auto& [name, module] : fixture_base().modules) out.push_back(name);
  return out;
}

size_t count(const LoraConfig& config) {
  return adapter::resolve_targets(config, linears(), "[test]").size();
}

TEST(Targets, EveryWayOfSayingIt) {
  LoraConfig config;
  EXPECT_EQ(count(config), 4u) << "the family's default: q_proj and v_proj";
  config.targets = Targets::of_list({"all-linear"});
  EXPECT_EQ(count(config), 14u) << "the head is no target";
  config.targets = Targets::of_list({"lm_head", "model.layers.0.mlp.up_proj"});
  EXPECT_EQ(count(config), 2u);
  config.targets = {Targets::Kind::regex, {}, ".*\\.0\\..*"};
  EXPECT_EQ(count(config), 7u);
  config.targets.regex = "layers";
  EXPECT_TRUE(says(refusal([&] { count(config); }), "matches none")) << "a pattern must match the whole name";
  config.targets = Targets::of_list({"proj"});
  EXPECT_TRUE(says(refusal([&] { count(config); }), "'proj'")) << "an ending is a whole segment";
}

TEST(Targets, AMisspeltNameIsAnErrorWithTheNearest) {
  LoraConfig config;
  config.targets = Targets::of_list({"q_proj", "v_porj"});
  const std::string text = refusal([&] { count(config); });
  EXPECT_TRUE(says(text, "'v_porj'") && says(text, "did you mean 'v_proj'")) << text;
}

TEST(Targets, LayerFilterTakesTheFirstNumberAndSparesFullNames) {
  LoraConfig config;
  config.targets = Targets::of_list({"w", "model.layers.0.mlp.experts.1.w"});
  config.layers_to_transform = {1};
  const std::vector<std::string> names = {"model.layers.0.mlp.experts.1.w", "model.layers.1.mlp.experts.0.w",
                                          "model.layers.2.mlp.experts.1.w", "model.layers.0.w"};
  const auto chosen = adapter::resolve_targets(config, names, "[test]");
  EXPECT_EQ(chosen.size(), 2u);
  EXPECT_TRUE(chosen.count(names[0]) && chosen.count(names[1]));
}

TEST(Targets, FirstPatternWinsAndAlphaDoesNotFollowRank) {
  LoraConfig config;
  config.rank = 8;
  config.alpha = 16;
  config.rank_pattern = {{"layers\\.0\\..*", 2}, {"q_proj", 4}};
  config.alpha_pattern = {{"v_proj", 1}};
  const auto chosen = adapter::resolve_targets(config, linears(), "[test]");
  EXPECT_EQ(chosen.at("model.layers.0.self_attn.q_proj").rank, 2);
  EXPECT_EQ(chosen.at("model.layers.0.self_attn.q_proj").scale, 8.0);
  EXPECT_EQ(chosen.at("model.layers.1.self_attn.q_proj").rank, 4);
  EXPECT_EQ(chosen.at("model.layers.1.self_attn.v_proj").scale, 0.125);
}

TEST(Targets, OverlappingPatternsSurviveSavingAlthoughKeysAreSorted) {
  LoraConfig config;
  config.targets = Targets::of_list({"q_proj", "v_proj"});
  config.rank_pattern = {{"q_proj", 4}, {"layers\\.0\\..*", 2}};  // sorted, the second would win for layer 0
  const LoraAdapter lora = adapter::create_lora(config, fixture_base(), 3);
  const auto copy =
      adapter::parse_peft(adapter::to_peft_config(lora), adapter::to_peft_weights(lora, "float32"), "[x] y");
  EXPECT_EQ(adapter::digest_of(copy), adapter::digest_of(lora));
}

TEST(Targets, HostilePatternTakesLinearTime) {
  LoraConfig config;
  config.targets = {Targets::Kind::regex, {}, "(a*)*b"};
  const std::vector<std::string> names = {std::string(4000, 'a')};
  EXPECT_TRUE(says(refusal([&] { adapter::resolve_targets(config, names, "[test]"); }), "matches none"));
}

// ---- a new adapter -------------------------------------------------------------------------------------

TEST(CreateLora, StartsWhereLoraStarts) {
  const LoraAdapter lora = small("true");
  for (const auto& m : lora.modules) {
    EXPECT_EQ(sum(m.b), 0.0);
    const double bound = 1 / std::sqrt(static_cast<double>(m.inputs()));
    double largest = 0;
    for (int64_t i = 0; i < m.a.numel(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(m.a.data<float>()[i])));
    EXPECT_LE(largest, bound);
    EXPECT_GT(largest, bound / 4);
    EXPECT_EQ(adapter::delta_norm(m), 0.0);
  }
  EXPECT_GT(adapter::delta_norm(small("false").modules[0]), 0.0);
}

TEST(CreateLora, AModulesStartDependsOnSeedAndNameAlone) {
  LoraConfig wide;
  wide.rank = 2;
  wide.targets = Targets::of_list({"all-linear"});
  const LoraAdapter all = adapter::create_lora(wide, fixture_base(), 1), few = small("true");
  const auto find = [&](const std::string& name) {
    for (const auto& m : all.modules)
      if (m.name == name) return m;
    return adapter::LoraModule{};
  };
  for (const auto& m : few.modules) EXPECT_EQ(std::memcmp(m.a.raw(), find(m.name).a.raw(), m.a.nbytes()), 0);
  EXPECT_NE(adapter::digest_of(small("true", 1)), adapter::digest_of(small("true", 2)));
  EXPECT_EQ(all.config.targets.kind, Targets::Kind::list)
      << "written by name, for readers that know no shorthand";
  EXPECT_EQ(all.config.targets.names.size(), 7u);
}

TEST(CreateLora, EveryChangeOfContentChangesTheDigest) {
  const std::string digest = adapter::digest_of(small());
  for (int change = 0; change < 4; ++change) {
    LoraAdapter lora = small();
    if (change == 0) lora.modules[0].a.data<float>()[0] += 1e-6f;
    if (change == 1) lora.modules[1].b.data<float>()[0] += 1e-6f;
    if (change == 2) lora.modules[0].scale *= 2;
    if (change == 3) lora.modules[0].name += "x";
    EXPECT_NE(adapter::digest_of(lora), digest) << change;
  }
}

}  // namespace
}  // namespace whorl
