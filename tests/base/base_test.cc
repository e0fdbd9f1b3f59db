// Hashes, checked sizes, random numbers, the log.
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <set>

#include "base/checked.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"

namespace whorl::base {
namespace {

// Vectors of FIPS 180-4's examples and of the xxHash project's own check.
TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256().update("a").update("bc").hex(), sha256_hex("abc"));
  EXPECT_EQ(xxh3_64(""), 0x2d06800538d394c2ull);
  EXPECT_NE(xxh3_64("a", 1), xxh3_64("a", 2));
  EXPECT_NE(xxh3_128("a"), xxh3_128("b"));
  EXPECT_TRUE(is_sha256_hex(sha256_hex("x")));
  EXPECT_FALSE(is_sha256_hex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
}

TEST(CheckedSize, RefusesToWrap) {
  const CheckedSize big(UINT64_MAX);
  EXPECT_THROW(big + 1, std::invalid_argument);
  EXPECT_THROW(CheckedSize(0) - 1, std::invalid_argument);
  EXPECT_THROW(CheckedSize(uint64_t{1} << 33) * (uint64_t{1} << 31), std::invalid_argument);
  EXPECT_THROW(CheckedSize::from_signed(-1), std::invalid_argument);
  EXPECT_EQ((CheckedSize(6) * 7 + 1 - 3).value(), 40u);
  EXPECT_LT(CheckedSize(1), CheckedSize(2));
}

TEST(Random, IsAFunctionOfItsKeyAndIndex) {
  EXPECT_EQ(random_bits(derive(1, 2), 3), random_bits(derive(1, 2), 3));
  EXPECT_NE(derive(1, 2), derive(2, 1));
  double sum = 0, square = 0, mean = 0;
  const uint64_t key = derive(5, 0);
  constexpr int n = 100'000;
  for (uint64_t i = 0; i < n; ++i) {
    const double z = normal(key, i), u = uniform(key, i);
    sum += z;
    square += z * z;
    mean += u;
    ASSERT_TRUE(u >= 0 && u < 1);
    ASSERT_LT(below(key, i, 7), 7u);
  }
  EXPECT_NEAR(sum / n, 0, 0.02);
  EXPECT_NEAR(square / n, 1, 0.03);
  EXPECT_NEAR(mean / n, 0.5, 0.01);
}

TEST(Log, IsSilentUntilAsked) {
  std::vector<std::string> lines;
  log(LogLevel::error, "nobody listens");
  set_log_sink(
      [&](LogLevel level, std::string_view text) { lines.push_back(concat(name_of(level), " ", text)); },
      LogLevel::info);
  log(LogLevel::debug, "too small");
  log(LogLevel::warn, "seen ", 3, " times {}");
  set_log_sink({});
  log(LogLevel::error, "nobody listens again");
  EXPECT_EQ(lines, std::vector<std::string>{"warn seen 3 times {}"});
}

}  // namespace
}  // namespace whorl::base
