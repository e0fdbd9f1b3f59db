// How matrices are cut: the parts of all ranks, put together, are the whole.
#include "model/share.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "ops/quantised_group.h"

namespace whorl {
namespace {

using model::Share;

Tensor random_matrix(int64_t rows, int64_t columns) {
  Tensor x = Tensor::zeros(DType::float32, {rows, columns});
  for (int64_t i = 0; i < x.numel(); ++i)
    x.data<float>()[i] = static_cast<float>(base::normal(5, static_cast<uint64_t>(i)));
  return x;
}

float at(const Tensor& x, int64_t row, int64_t column) { return x.data<float>()[row * x.dim(1) + column]; }

model::TensorSpec spec(int linear, const Shape& shape) {
  return {"w", shape, model::TensorKind::matrix, linear};
}

TEST(Share, PartsMakeUpTheWhole) {
  const Tensor x = random_matrix(12, 18);
  for (const int size : {2, 3, 6})
    for (int rank = 0; rank < size; ++rank) {
      const Tensor rows = part_of(Share{rank, size}, spec(model::kQuery, x.shape()), x),
                   columns = part_of(Share{rank, size}, spec(model::kDown, x.shape()), x);
      ASSERT_EQ(rows.shape(), (Shape{12 / size, 18}));
      ASSERT_EQ(columns.shape(), (Shape{12, 18 / size}));
      EXPECT_TRUE(columns.contiguous());
      for (int64_t r = 0; r < 12 / size; ++r)
        for (int64_t c = 0; c < 18; ++c) EXPECT_EQ(at(rows, r, c), at(x, rank * 12 / size + r, c));
      for (int64_t r = 0; r < 12; ++r)
        for (int64_t c = 0; c < 18 / size; ++c) EXPECT_EQ(at(columns, r, c), at(x, r, rank * 18 / size + c));
    }
  EXPECT_EQ(part_of(Share{1, 2}, spec(-1, x.shape()), x).shape(), x.shape());
}

TEST(Share, ABiasBehindASumIsThereOnce) {
  Tensor bias = random_matrix(1, 12).reshape({12});
  const auto of = [&](int rank, int linear) {
    return part_of(Share{rank, 3}, {"b", {12}, model::TensorKind::bias, linear}, bias);
  };
  EXPECT_EQ(of(2, model::kKey).shape(), Shape{4});
  EXPECT_EQ(of(2, model::kKey).data<float>()[0], bias.data<float>()[8]);
  EXPECT_EQ(of(0, model::kOutput).data<float>()[7], bias.data<float>()[7]);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(of(1, model::kOutput).data<float>()[i], 0);
}

TEST(Share, APairIsCutOnTheSideOfItsLinear) {
  const model::LoraPair pair{random_matrix(4, 12), random_matrix(18, 4)};
  const auto outputs = part_of(Share{1, 3}, model::kUp, pair),
             inputs = part_of(Share{1, 3}, model::kOutput, pair);
  EXPECT_EQ(outputs.a.shape(), (Shape{4, 12}));
  EXPECT_EQ(outputs.b.shape(), (Shape{6, 4}));
  EXPECT_EQ(at(outputs.b, 0, 3), at(pair.b, 6, 3));
  EXPECT_EQ(inputs.a.shape(), (Shape{4, 4}));
  EXPECT_EQ(at(inputs.a, 2, 0), at(pair.a, 2, 4));
  EXPECT_EQ(inputs.b.shape(), (Shape{18, 4}));
}

// Codes, scales and minima of a part are those of the whole.
TEST(Share, CodesAreCutBetweenGroups) {
  const Tensor x = random_matrix(6, 192);
  for (const auto quantize : {ops::Quantize::int8, ops::Quantize::int4})
    for (const int linear : {int{model::kDown}, int{model::kGate}}) {
      const ops::QuantizedRows whole = ops::rounded_rows(x, quantize);
      const ops::QuantizedRows part = part_of(Share{1, 3}, spec(linear, x.shape()), whole, "[test]");
      const bool down = linear == model::kDown;
      EXPECT_EQ(part.inputs, down ? 64 : 192);
      EXPECT_EQ(part.outputs, down ? 6 : 2);
      const size_t per = quantize == ops::Quantize::int8 ? 1 : 2;
      std::vector<uint8_t> all(192), some(192);
      std::vector<uint16_t> scales(6), few(6);
      whole.read(down ? 1 : 3, {all.data(), scales.data(), nullptr});
      part.read(1, {some.data(), few.data(), nullptr});
      const size_t first = down ? 64 : 0, n = down ? 64 : 192;
      EXPECT_EQ(std::memcmp(some.data(), all.data() + first / per, n / per), 0);
      EXPECT_TRUE(std::equal(few.begin(), few.begin() + (down ? 2 : 6), scales.begin() + (down ? 2 : 0)));
    }
  EXPECT_THROW(part_of(Share{0, 4}, spec(model::kDown, x.shape()), ops::rounded_rows(x, ops::Quantize::int8),
                       "[test]"),
               std::invalid_argument);
}

TEST(Share, WhatCannotBeSharedIsNamed) {
  ModelConfig config;
  config.num_attention_heads = 12, config.num_key_value_heads = 6, config.head_dim = 8;
  config.hidden_size = 64, config.intermediate_size = 200;
  const auto refusal = [&](int size, bool rounded) {
    try {
      model::check_share(config, size, rounded, "[test]");
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal(5, false).find("num_attention_heads 12"), std::string::npos);
  EXPECT_NE(refusal(4, false).find("num_key_value_heads 6"), std::string::npos);
  EXPECT_NE(refusal(3, false).find("intermediate_size 200"), std::string::npos);
  EXPECT_EQ(refusal(2, false), "");
  EXPECT_NE(refusal(2, true).find("48 of o_proj"), std::string::npos);  // 96 inputs fill groups, 48 do not
}

}  // namespace
}  // namespace whorl
