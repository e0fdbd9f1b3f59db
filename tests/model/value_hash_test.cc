#include "model/value_hash.h"

#include <gtest/gtest.h>

#include <set>

#include "model/weights.h"

namespace whorl::model {
namespace {

// Three blocks and a part of one.
constexpr int64_t kCount = 3 * (1 << 18) + 77;

Tensor numbers(bool rounded) {
  Tensor x = Tensor::zeros(DType::float32, {kCount});
  for (int64_t i = 0; i < kCount; ++i) {
    const float value = static_cast<float>(i % 1009 - 500) * 0.37f;
    x.data<float>()[i] = rounded ? bf16_to_float(float_to_bf16(value)) : value;
  }
  return x;
}

TEST(ValueDigest, NeitherThreadsNorStorageChangeIt) {
  base::ThreadPool one(1), three(3);
  const Tensor x = numbers(true);
  EXPECT_EQ(value_digest(one, x), value_digest(three, x));
  EXPECT_EQ(value_digest(one, x), value_digest(one, convert(x, DType::bfloat16)));
  EXPECT_EQ(value_digest(one, numbers(false)), value_digest(three, numbers(false)));
  EXPECT_EQ(value_digest(one, x).size(), 64u);
}

TEST(ValueDigest, EveryNumberCounts) {
  base::ThreadPool pool(2);
  for (const bool rounded : {true, false}) {
    Tensor x = numbers(rounded);
    std::set<std::string> seen{value_digest(pool, x)};
    for (const int64_t at : {int64_t{0}, (int64_t{1} << 18) - 1, int64_t{1} << 18, kCount - 1}) {
      x.data<float>()[at] += 64;
      EXPECT_TRUE(seen.insert(value_digest(pool, x)).second) << at;
    }
  }
  Tensor zeros = Tensor::zeros(DType::float32, {4}), negative = Tensor::zeros(DType::float32, {4});
  negative.data<float>()[2] = -0.0f;
  EXPECT_NE(value_digest(pool, zeros), value_digest(pool, negative));
}

TEST(ValueDigest, OneNumberThatBfloat16CannotHoldIsNotLost) {
  base::ThreadPool pool(2);
  Tensor x = numbers(true);
  const std::string before = value_digest(pool, x);
  x.data<float>()[5] = 1.0f + 0x1p-20f;
  const std::string fine = value_digest(pool, x);
  x.data<float>()[5] = 1.0f;
  EXPECT_NE(fine, value_digest(pool, x));
  EXPECT_NE(fine, before);
}

}  // namespace
}  // namespace whorl::model
