// Kernels over tiles: their bits are those of the order that the manual gives the tile instructions, done by
// the emulation and by the machine code itself.
#include <gtest/gtest.h>

#include "cpu/tile_products.h"
#include "cpu/tile_traps.h"

namespace whorl::cpu {

namespace {
class Tiles : public testing::TestWithParam<ProductShape> {
 protected:
  void SetUp() override {
    if (emulated_isas().empty()) GTEST_SKIP() << "tiles are emulated beside AVX512-BF16, which is not here";
  }
  base::ThreadPool pool{1};
};
using TilesByHand = Tiles;

TEST_P(Tiles, EmulatedProductsKeepTheOrderOfAdditions) {
  const Product product(GetParam());
  EXPECT_TRUE(same_bits(product.run(kernels_for("amx_emulated"), pool), product.specified()));
}

TEST_P(Tiles, WholeNumbersGiveTheSameBitsAsWithoutTiles) {
  const Product product(GetParam());
  for (const auto quantize : {ops::Quantize::int8, ops::Quantize::int4})
    EXPECT_TRUE(same_bits(product.run_quantised(kernels_for("amx_emulated"), pool, quantize),
                          product.run_quantised(kernels_for("avx512_bf16"), pool, quantize)));
}

// The instructions themselves: by the processor if it has them, else each is decoded and emulated.
TEST_P(Tiles, MachineCodeGivesTheSameBitsAndReleasesItsTiles) {
  const Product product(GetParam());
  const Kernels &code = *amx_kernels(), &emulated = kernels_for("amx_emulated");
  const bool trapped = !detect_features().amx();
  const TileTraps traps;
  EXPECT_TRUE(same_bits(product.run(code, pool), product.specified()));
  EXPECT_EQ(traps.done() > 0, trapped);
  EXPECT_FALSE(traps.in_use());
  for (const auto quantize : {ops::Quantize::int8, ops::Quantize::int4}) {
    const int64_t before = traps.done();
    EXPECT_TRUE(same_bits(product.run_quantised(code, pool, quantize),
                          product.run_quantised(emulated, pool, quantize)));
    EXPECT_EQ(traps.done() > before, trapped && product.shape.rows >= 12);
    EXPECT_FALSE(traps.in_use());
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, Tiles, testing::ValuesIn(product_shapes()), [](const auto& instance) {
  const auto& s = instance.param;
  return std::to_string(s.rows) + "x" + std::to_string(s.k) + "x" + std::to_string(s.columns);
});

// The order above is not the one of AVX512-BF16: a comparison that cannot tell them apart would prove
// nothing.
TEST_F(TilesByHand, TheOrderIsVisible) {
  const Product product({7, 600, 40});
  EXPECT_FALSE(same_bits(product.run(kernels_for("avx512_bf16"), pool), product.specified()));
}

// Beside the end of one panel's k lies the next panel: a weight there that is no number stays in its column.
TEST_F(TilesByHand, TailsOfKReadNoNeighbour) {
  for (const int64_t k : {33, 48, 63}) {
    Product product({18, k, 40});
    for (const int64_t column : {16, 32})
      for (int64_t i = 0; i < k; ++i) product.weights.data<uint16_t>()[column * k + i] = 0x7f80;
    const auto c = product.run(kernels_for("amx_emulated"), pool);
    for (int64_t r = 0; r < 18; ++r)
      for (int64_t column = 0; column < 40; ++column)
        EXPECT_EQ(std::isfinite(c[static_cast<size_t>(r * product.stride() + column)]),
                  column % 16 != 0 || column == 0)
            << k << " " << column;
  }
}

TEST(Amx, ForcedWhereItIsNotSaysWhatIsMissing) {
  const std::string lacks = what_amx_lacks(detect_features());
  if (lacks.empty()) {
    EXPECT_EQ(available_isas().front(), "amx");
    return;
  }
  try {
    kernels_for("amx");
    ADD_FAILURE() << "expected an error";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("(" + lacks + ")"), std::string::npos) << error.what();
  }
}

TEST(Amx, EverythingMissingHasItsWords) {
  Features f;
  f.avx512_bf16 = f.amx_tile = f.amx_bf16 = f.amx_int8 = f.amx_saved = f.amx_allowed = true;
  EXPECT_TRUE(f.amx());
  EXPECT_EQ(what_amx_lacks(f), "");
  for (bool Features::*flag : {&Features::avx512_bf16, &Features::amx_tile, &Features::amx_bf16,
                               &Features::amx_int8, &Features::amx_saved, &Features::amx_allowed}) {
    Features without = f;
    without.*flag = false;
    EXPECT_FALSE(without.amx());
    EXPECT_NE(what_amx_lacks(without), "");
  }
}

// Where the system refuses tiles, the processor's pairs outside of them are slower than float32.
TEST(Isa, PairsComeFirstWhereTheyAreFast) {
  Features f;
  EXPECT_EQ(isas_of(f), std::vector<std::string>{"generic"});
  f.avx2_fma = f.avx512 = f.avx512_vnni = f.avx512_bf16 = true;
  EXPECT_EQ(isas_of(f),
            (std::vector<std::string>{"avx512_bf16", "avx512_vnni", "avx512", "avx2", "generic"}));
  f.amx_tile = true;
  EXPECT_EQ(isas_of(f).front(), "avx512_vnni");
  f.amx_bf16 = f.amx_int8 = f.amx_saved = f.amx_allowed = true;
  EXPECT_EQ(isas_of(f).front(), "amx");
  f = {.avx2_fma = true, .avx_vnni = true};
  EXPECT_EQ(isas_of(f), (std::vector<std::string>{"avx_vnni", "avx2", "generic"}));
}

TEST(Amx, EmulatedKernelsAreNeverChosen) {
  for (const auto& name : available_isas()) EXPECT_EQ(name.find("emulated"), std::string::npos);
}
}  // namespace
}  // namespace whorl::cpu
