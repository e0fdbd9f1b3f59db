// Models whose weights are rounded on loading: near the whole ones, smaller, never saved.
#include <gtest/gtest.h>

#include <cmath>

#include "base/log.h"
#include "model/config.h"
#include "model/golden.h"
#include "model/weights.h"
#include "ops/device.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

double rms(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

class Quantized : public ::testing::TestWithParam<std::string> {
 protected:
  TemporaryFolder folder;
  std::string path = model_folder(GetParam(), folder.path() + "/model").string();
  std::vector<int32_t> ids = ids_of(golden_tensors(GetParam()).tensor("ids"));
  // Error of the logits as a share of their size.
  double error(const std::string& quantize) {
    const auto whole = Model::load(path, {.dtype = "float32"}).logits(ids);
    auto off = Model::load(path, {.quantize = quantize}).logits(ids);
    for (size_t i = 0; i < off.size(); ++i) off[i] -= whole[i];
    return rms(off) / rms(whole);
  }
};

TEST_P(Quantized, LogitsStayNear) {
  const double int8 = error("int8"), int4 = error("int4");
  // Random toy weights, one or two groups wide, forgive less than trained ones: tests/python has those.
  EXPECT_LT(int8, 0.05);
  EXPECT_LT(int4, 0.5);
  EXPECT_GT(int4, 2 * int8) << "int4 is not what was loaded";
  EXPECT_GT(int8, 1e-5) << "nothing was rounded";
}

INSTANTIATE_TEST_SUITE_P(Families, Quantized,
                         ::testing::Values("llama", "llama_tied", "mistral", "qwen2", "qwen3"));

TEST(Quantize, IsSmallerAndSaysWhatItIs) {
  const TemporaryFolder folder;
  const auto path = model_folder("llama", folder.path() + "/model");
  const Model whole = Model::load(path), int8 = Model::load(path, {.quantize = "int8"}),
              int4 = Model::load(path, {.quantize = "int4"});
  EXPECT_EQ(whole.quantize(), "none");
  EXPECT_EQ(int8.quantize(), "int8");
  EXPECT_LT(int8.memory_bytes(), whole.memory_bytes());
  EXPECT_LT(int4.memory_bytes(), int8.memory_bytes());
  EXPECT_NE(int8.digest(), whole.digest()) << "cached answers of one would be taken for the other's";
  EXPECT_NE(int8.digest(), int4.digest());
}

ModelConfig with_width(int64_t intermediate_size) {
  return {.vocab_size = 40,
          .hidden_size = 64,
          .intermediate_size = intermediate_size,
          .num_hidden_layers = 2,
          .num_attention_heads = 4};
}

// As llama.cpp does: a last group of few numbers would cost accuracy and save nothing.
TEST(Quantize, WhatDoesNotFillGroupsStaysWhole) {
  const ModelConfig config = model::complete_config(with_width(90), "[test]");
  const auto cpu = ops::make_backend("cpu", 1);
  const auto number = [](const model::TensorSpec& spec) {
    Tensor x = Tensor::zeros(DType::float32, spec.shape);
    for (int64_t i = 0; i < x.numel(); ++i) x.data<float>()[i] = std::sin(static_cast<float>(i));
    return x;
  };
  std::vector<std::string> warnings;
  base::set_log_sink([&](base::LogLevel, std::string_view said) { warnings.emplace_back(said); },
                     base::LogLevel::warn);
  model::DecoderWeights weights =
      model::pack_weights(config, number, *cpu, false, {ops::Quantize::int4}, nullptr);
  base::set_log_sink({});
  int whole = 0;
  for (const model::TensorSlot& slot : model::tensor_slots(config, weights)) {
    if (!slot.weight) continue;
    const bool rounded = (*slot.weight)->quantize() == ops::Quantize::int4;
    EXPECT_EQ(rounded, slot.spec.shape.back() == 64) << slot.spec.name;
    whole += !rounded;
    const Tensor held = model::unpack(slot, *cpu), read = number(slot.spec);
    const bool same = std::equal(held.data<float>(), held.data<float>() + held.numel(), read.data<float>());
    EXPECT_EQ(same, !rounded) << slot.spec.name;
  }
  EXPECT_EQ(whole, 2);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("2 matrices stay whole"), std::string::npos) << warnings[0];
  EXPECT_NE(warnings[0].find("'model.layers.0.mlp.down_proj.weight' with 90"), std::string::npos)
      << warnings[0];
}

TEST(Quantize, AModelInPartWholeSaysSo) {
  EXPECT_EQ(Model::create(with_width(90), 1, {}, {.quantize = "int8"}).quantize(), "mixed");
  EXPECT_EQ(Model::create(with_width(96), 1, {}, {.quantize = "int8"}).quantize(), "int8");
}

TEST(Quantize, CannotBeSaved) {
  const TemporaryFolder folder;
  const auto path = model_folder("llama", folder.path() + "/model");
  const Model model = Model::load(path, {.quantize = "int8"});
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(message([&] { model.save(folder.path() + "/saved"); }).find("rounded to int8"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/saved"));
  EXPECT_NE(message([&] {
              Model::load(path, {.quantize = "int3"});
            }).find("'none', 'int8', 'int4' or 'fp8', got 'int3'"),
            std::string::npos);
}

}  // namespace
}  // namespace whorl
