// FP8 E4M3: every code, every boundary between two of them, and what is no number.
#include "tensor/float8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace whorl {

namespace {
// By the definition: 2^(exponent - 7) (1 + mantissa / 8), and below them multiples of 2^-9.
double stands_for(int code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  const double size = exponent ? std::ldexp(8 + mantissa, exponent - 10) : std::ldexp(mantissa, -9);
  return code & 0x80 ? -size : size;
}

TEST(E4m3, EveryCodeComesBack) {
  for (int code = 0; code < 256; ++code) {
    const float value = e4m3_to_float(static_cast<uint8_t>(code));
    if ((code & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(value)) << code;
    } else {
      EXPECT_EQ(static_cast<double>(value), stands_for(code)) << code;
      EXPECT_EQ(std::signbit(value), code >= 128) << code;
    }
    EXPECT_EQ(float_to_e4m3(value), code);
  }
  EXPECT_EQ(e4m3_to_float(0x7e), kLargestE4m3);
}

// Between two codes the nearer one, in the middle the even one; on both sides of zero.
TEST(E4m3, RoundsToTheNearestAndTiesToEven) {
  constexpr float kFar = std::numeric_limits<float>::infinity();
  for (int code = 0; code < 0x7e; ++code) {
    const auto middle = static_cast<float>((stands_for(code) + stands_for(code + 1)) / 2);
    const int even = code % 2 ? code + 1 : code;
    for (const int sign : {0, 0x80}) {
      const float of = sign ? -1.0f : 1.0f;
      EXPECT_EQ(float_to_e4m3(of * middle), sign | even) << code;
      EXPECT_EQ(float_to_e4m3(of * std::nextafter(middle, 0.0f)), sign | code) << code;
      EXPECT_EQ(float_to_e4m3(of * std::nextafter(middle, kFar)), sign | (code + 1)) << code;
    }
  }
}

TEST(E4m3, HoldsTheLargestWhereMoreIsAsked) {
  constexpr float kFar = std::numeric_limits<float>::infinity();
  for (const float x : {448.0f, 463.9f, 464.0f, 465.0f, 1e30f, std::numeric_limits<float>::max(), kFar}) {
    EXPECT_EQ(float_to_e4m3(x), 0x7e) << x;
    EXPECT_EQ(float_to_e4m3(-x), 0xfe) << x;
  }
  EXPECT_EQ(float_to_e4m3(1e-30f), 0);
  EXPECT_EQ(float_to_e4m3(-std::numeric_limits<float>::denorm_min()), 0x80);
}

TEST(E4m3, KeepsNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(float_to_e4m3(nan) & 0x7f, 0x7f);
  EXPECT_EQ(float_to_e4m3(-nan) & 0x7f, 0x7f);
  EXPECT_EQ(float_to_e4m3(std::bit_cast<float>(0x7f800001u)) & 0x7f, 0x7f);
}

}  // namespace
}  // namespace whorl
