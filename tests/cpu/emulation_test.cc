// The emulated tile instructions against numbers worked out by hand from the manual's description.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "cpu/emulated_tiles.h"
#include "tensor/tensor.h"

namespace whorl::cpu::tiles_under_test {

namespace {
// Tile 0: 1 x 1 sums, 1: 1 row of `pairs` words, 2: `pairs` rows of a word.
TileConfig small_tiles(int pairs) {
  TileConfig config{};
  config.palette = 1;
  config.rows[0] = config.rows[1] = 1, config.rows[2] = static_cast<uint8_t>(pairs);
  config.row_bytes[0] = config.row_bytes[2] = 4, config.row_bytes[1] = static_cast<uint16_t>(4 * pairs);
  return config;
}

float dot(float sum, const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<uint16_t> x, y;
  for (const float v : a) x.push_back(float_to_bf16(v));
  for (const float v : b) y.push_back(float_to_bf16(v));
  alignas(64) const TileConfig config = small_tiles(static_cast<int>(a.size() / 2));
  configure_tiles(config);
  load_tile<0>(&sum, 4), load_tile<1>(x.data(), 64), load_tile<2>(y.data(), 4);
  dot_tiles<0, 1, 2>();
  store_tile<0>(&sum, 4);
  release_tiles();
  return sum;
}

constexpr float kTiny = 0x1p-24f;  // half of the last bit of 1

// Even numbers are summed apart from odd ones: 1 + 2^-24 is 1, twice; but 2^-24 + 2^-24 counts.
TEST(EmulatedTiles, EvenAndOddNumbersHaveSumsOfTheirOwn) {
  const std::vector<float> ones(6, 1.0f);
  EXPECT_EQ(dot(0, ones, {1, 0, kTiny, 0, kTiny, 0}), 1.0f);
  EXPECT_EQ(dot(0, ones, {1, kTiny, 0, kTiny, 0, 0}), 1.0f + 2 * kTiny);
}

// They start at zero; what was in the tile is added last.
TEST(EmulatedTiles, TheOldSumIsAddedLast) {
  const std::vector<float> ones(4, 1.0f);
  EXPECT_EQ(dot(1, ones, {kTiny, 0, kTiny, 0}), 1.0f + 2 * kTiny);
  EXPECT_EQ(dot(1, ones, {kTiny, kTiny, 0, 0}), 1.0f + 2 * kTiny);
  EXPECT_EQ(dot(1, ones, {kTiny, 0, 0, 0}), 1.0f);
}

// A product is neither rounded nor flushed before it is added: 1.5 * 2^-127 rounds this sum up.
TEST(EmulatedTiles, ProductsAreFused) {
  EXPECT_EQ(dot(0, {0x1p-50f, 0, 1.5f * 0x1p-60f, 0}, {0x1p-53f, 0, 0x1p-67f, 0}), 0x1p-103f + 0x1p-126f);
}

TEST(EmulatedTiles, SubnormalNumbersAreZero) {
  EXPECT_EQ(dot(0, {0x1p-130f, 0}, {0x1p100f, 0}), 0.0f);      // as operands
  EXPECT_EQ(dot(0, {0x1p-70f, 0}, {0x1p-60f, 0}), 0.0f);       // as sums
  EXPECT_EQ(dot(0x1p-130f, {0, 0}, {0, 0}), 0.0f);             // as what was there
  EXPECT_EQ(dot(0, {0x1p-60f, 0}, {0x1p-66f, 0}), 0x1p-126f);  // the smallest that is not
  const volatile float small = 0x1p-130f;
  EXPECT_EQ(small * 0x1p100f, 0x1p-30f) << "outside they still count";
}

TEST(EmulatedTiles, NumbersThatAreNoneStayNone) {
  EXPECT_TRUE(std::isnan(dot(0, {INFINITY, 0}, {0, 0})));
  EXPECT_EQ(dot(0, {INFINITY, 0}, {2, 0}), INFINITY);
}

TEST(EmulatedTiles, BytesAreSignedTimesUnsigned) {
  const int8_t a[4] = {-128, 127, -1, 2};
  const uint8_t b[4] = {255, 255, 200, 3};
  int32_t sum = 1000;
  alignas(64) const TileConfig config = small_tiles(1);
  configure_tiles(config);
  load_tile<0>(&sum, 4), load_tile<1>(a, 64), load_tile<2>(b, 4);
  dot_byte_tiles<0, 1, 2>();
  store_tile<0>(&sum, 4);
  release_tiles();
  EXPECT_EQ(sum, 1000 - 128 * 255 + 127 * 255 - 200 + 6);
}

// Each misuse raises an exception on a processor; here it ends the program with a sentence.
void configure(void (*change)(TileConfig&)) {
  alignas(64) TileConfig config = small_tiles(2);
  change(config);
  configure_tiles(config);
  dot_tiles<0, 1, 2>();
}

TEST(EmulatedTilesDeathTest, MisuseEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto none = [](TileConfig&) {};
  configure(none);  // sound
  release_tiles();
  EXPECT_DEATH((zero_tile<0>()), "a configuration before the first tile");
  EXPECT_DEATH((configure(none), zero_tile<3>()), "a tile that has rows");
  EXPECT_DEATH(configure([](TileConfig& c) { c.palette = 0; }), "palette 1");
  EXPECT_DEATH(configure([](TileConfig& c) { c.reserved[3] = 7; }), "reserved");
  EXPECT_DEATH(configure([](TileConfig& c) { c.rows[2] = 17; }), "at most 16 rows");
  EXPECT_DEATH(configure([](TileConfig& c) { c.row_bytes[0] = 68; }), "of 64 bytes");
  EXPECT_DEATH(configure([](TileConfig& c) { c.rows[9] = 1; }), "eight tiles");
  EXPECT_DEATH(configure([](TileConfig& c) { c.rows[4] = 1; }), "rows and bytes");
  EXPECT_DEATH(configure([](TileConfig& c) { c.rows[2] = 1; }), "as b has rows");
  EXPECT_DEATH(configure([](TileConfig& c) { c.rows[1] = 2; }), "as many rows of sums");
  EXPECT_DEATH(configure([](TileConfig& c) { c.row_bytes[0] = 8; }), "as many columns of sums");
  EXPECT_DEATH(configure([](TileConfig& c) { c.row_bytes[1] = 6; }), "whole words");
}
}  // namespace
}  // namespace whorl::cpu::tiles_under_test
