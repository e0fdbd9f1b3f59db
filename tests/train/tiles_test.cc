// A whole model and its training over tiles: what the other instruction sets promise, through the kernels
// that no test machine runs as they are.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "ops/factories.h"
#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

class OverTiles : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (ops::emulated_cpu_isas().empty())
      GTEST_SKIP() << "tiles are emulated beside AVX512-BF16, which is not here";
    path = model_folder(GetParam(), folder.path() + "/model").string();
  }
  void TearDown() override { unsetenv("WHORL_ISA"); }

  Model load(const char* isa, int threads = 2, const std::string& quantize = "none") {
    setenv("WHORL_ISA", isa, 1);
    return Model::load(path, {.threads = threads, .quantize = quantize});
  }
  Model tiles(int threads = 2) { return load("amx_emulated", threads); }

  base::TemporaryFolder folder;
  std::string path;
};

TEST_P(OverTiles, LogitsAreNoWorseThanTransformers) {
  const auto golden = golden_tensors(GetParam());
  const auto ids = ids_of(golden.tensor("ids"));
  const auto exact = values_of(golden.tensor("logits_float64")),
             theirs = values_of(golden.tensor("logits_bfloat16"));
  const auto ours = tiles().logits(ids);
  EXPECT_LE(max_error(ours, exact), max_error(theirs, exact));
  EXPECT_LE(rms_error(ours, exact), rms_error(theirs, exact));
  EXPECT_NE(ours, load("avx512_bf16").logits(ids)) << "the tiles were not used";
}

// Logits of a prefix, one token too, are those of the whole, bit for bit.
TEST_P(OverTiles, APrefixHasTheBitsOfTheWhole) {
  const Model model = tiles();
  const auto ids = ids_of(golden_tensors(GetParam()).tensor("ids"));
  const auto whole = model.logits(ids);
  const size_t width = whole.size() / ids.size();
  for (size_t n = 1; n <= ids.size(); n = n * 2 + 1) {
    const auto part = model.logits({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n)});
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin())) << n;
    EXPECT_EQ(part.size(), n * width);
  }
}

TEST_P(OverTiles, RoundedWeightsGiveTheBitsOfOtherKernels) {
  const auto ids = ids_of(golden_tensors(GetParam()).tensor("ids"));
  for (const char* quantize : {"int8", "int4"})
    EXPECT_EQ(load("amx_emulated", 2, quantize).logits(ids), load("avx512_vnni", 2, quantize).logits(ids))
        << quantize;
}

// Forward, backward and optimizer: near what other kernels train, the same on any number of threads.
TEST_P(OverTiles, TrainingIsNearAndTheSameOnAnyNumberOfThreads) {
  TrainOptions o;
  o.max_steps = 5;
  o.max_length = 64;
  o.batch_size = 3;
  const auto train = [&](const Model& model) { return fit(model, {.train = o, .rows = random_rows(9, 4)}); };
  const Trained one = train(tiles(1)), three = train(tiles(3)), other = train(load("avx512_bf16"));
  EXPECT_EQ(one.digest(0), three.digest(0));
  EXPECT_NE(one.digest(0), other.digest(0)) << "the tiles were not used";
  const auto losses = one.losses(0), near = other.losses(0);
  ASSERT_EQ(losses.size(), near.size());
  for (size_t i = 0; i < losses.size(); ++i) EXPECT_LE(relative(losses[i], near[i]), 5e-3) << "step " << i;
}

INSTANTIATE_TEST_SUITE_P(Families, OverTiles,
                         ::testing::Values("llama", "llama_tied", "mistral", "qwen2", "qwen3"),
                         [](const auto& c) { return c.param; });

}  // namespace
}  // namespace whorl
