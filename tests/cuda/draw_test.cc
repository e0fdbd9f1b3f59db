// Tokens drawn on the device: those of rows that are sorted, bit for bit, and in as few launches as they ask
// for.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/random.h"
#include "cuda/counted.h"
#include "ops/backend.h"
#include "ops/device.h"
#include "ops/library_folders.h"

namespace whorl {
namespace {

Tensor logits_of(int64_t rows, int64_t v, uint64_t seed, bool tied) {
  Tensor out = Tensor::zeros(DType::float32, {rows, v});
  for (int64_t i = 0; i < out.numel(); ++i) {
    const double x = base::normal(seed, static_cast<uint64_t>(i));
    out.data<float>()[i] = static_cast<float>(tied ? .5 * std::floor(4 * x) : 3 * x);
  }
  return out;
}

class Draws : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    for (const char* library : {WHORL_EMULATED_LIBRARY, WHORL_CUDA_LIBRARY})
      if (*library) ops::add_library_folder(std::filesystem::path(library).parent_path().string());
    if (GetParam() == std::string("cuda")) {
      const ops::PlugCall found = ops::call_plug("libwhorl_cuda.so", 0);
      if (!found.backend) GTEST_SKIP() << "no GPU: " << found.refusal;
      delete found.backend;
    }
    backend_ = ops::make_backend(GetParam());
  }
  std::vector<int32_t> draw(const Tensor& logits, std::span<const ops::Draw> draws) const {
    const Tensor device = backend_->allocate(DType::float32, logits.shape()),
                 out = backend_->allocate(DType::int32, {logits.dim(0), 1});
    backend_->upload(logits, device);
    backend_->draw(device, draws, out);
    const Tensor host = Tensor::zeros(DType::int32, {logits.dim(0), 1});
    backend_->download(out, host);
    return {host.data<int32_t>(), host.data<int32_t>() + host.numel()};
  }
  std::shared_ptr<ops::Backend> backend_;
};

constexpr int64_t kRows = 7, kVocabulary = 10000;  // five parts, the last one short

ops::Draw row_of(uint64_t seed, uint64_t row, const ops::Draw& kind) {
  ops::Draw out = kind;
  out.uniform = base::uniform(seed, row);
  return out;
}

// Penalties of some rows, masks of some; every row has one kind, the other, both or none.
struct Changes {
  std::vector<ops::Penalty> penalties[kRows];
  std::vector<uint32_t> allowed[kRows];

  explicit Changes(uint64_t seed) {
    for (size_t row = 0; row < kRows; ++row) {
      for (int32_t i = 0; i < 300 * static_cast<int32_t>(row); ++i)
        penalties[row].push_back({(i * 4) % static_cast<int32_t>(kVocabulary), i % 3});
      for (uint64_t i = 0; i < static_cast<uint64_t>(ops::mask_words(kVocabulary)); ++i)
        allowed[row].push_back(static_cast<uint32_t>(base::random_bits(seed + row, i)));
    }
    allowed[6].assign(allowed[6].size(), 0);  // nothing is
  }
  void make(size_t row, ops::Draw& draw) const {
    if (row % 2)
      draw.penalties = penalties[row], draw.repetition = 1.5, draw.presence = .5, draw.frequency = -.25;
    if (row % 3 == 0) draw.allowed = allowed[row];
  }
};

TEST_P(Draws, AreThoseOfSortedRows) {
  const std::vector<ops::Draw> kinds = {
      {.temperature = 1},
      {.top_p = .9, .temperature = .7f},
      {.top_p = .97, .min_p = .02, .temperature = 1.5f},
      {.top_k = 40, .temperature = 1},
      {.top_p = .8, .top_k = 3000, .temperature = 3},
      {.min_p = .05, .temperature = 1},
      {.temperature = 0},
      {.top_p = .99999, .top_k = 50, .temperature = 20},
      {.top_p = .9999, .top_k = 200, .temperature = 1000},
  };
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const Tensor logits = logits_of(kRows, kVocabulary, seed, seed % 2 == 0);
    std::vector<ops::Draw> draws;
    for (uint64_t row = 0; row < kRows; ++row)
      draws.push_back(row_of(seed, row, kinds[(row + seed) % kinds.size()]));
    const Changes changes(seed);
    for (size_t row = 0; row < kRows && seed % 3 > 0; ++row) changes.make(row, draws[row]);
    const std::vector<int32_t> got = draw(logits, draws);
    for (size_t row = 0; row < kRows; ++row)
      EXPECT_EQ(got[row], ops::draw_row(*backend_,
                                        {logits.data<float>() + static_cast<int64_t>(row) * kVocabulary,
                                         static_cast<size_t>(kVocabulary)},
                                        draws[row]))
          << seed << " " << row;
    // A row alone, whose neighbours ask for less or more.
    for (int64_t row = 0; row < kRows; ++row)
      EXPECT_EQ(draw(logits.rows(row, row + 1), {&draws[static_cast<size_t>(row)], 1}).front(),
                got[static_cast<size_t>(row)]);
  }
}

// Equal weights whose sum is a power of two: every edge between two tokens is a number that can be asked for.
// Zeros of both signs are equal.
TEST_P(Draws, BelongToTheTokenBehindAnEdge) {
  const Tensor logits = Tensor::zeros(DType::float32, {16, 4096});
  for (int64_t i = 0; i < logits.numel(); i += 3) logits.data<float>()[i] = -0.0f;
  for (const int64_t top_k : {0, 4096, 2048}) {
    std::vector<ops::Draw> draws;
    std::vector<int32_t> want;
    for (const int32_t id : {0, 1, 7, 8, 9, 127, 128, 129, 1023, 1024, 2039, 2040, 2046, 2047, 2048, 4095}) {
      const int64_t kept = top_k == 0 ? 4096 : top_k;
      want.push_back(static_cast<int32_t>(id % kept));
      draws.push_back({.uniform = static_cast<double>(want.back()) / static_cast<double>(kept),
                       .top_k = top_k,
                       .temperature = 1});
    }
    EXPECT_EQ(draw(logits, draws), want) << top_k;
  }
}

// A token at the edge of two parts is penalised once.
TEST_P(Draws, ArePenalisedOnce) {
  const Tensor logits = Tensor::zeros(DType::float32, {1, 5000});
  for (const int32_t id : {2047, 2048, 4095, 4096, 4999}) {
    logits.data<float>()[id] = 3, logits.data<float>()[7] = 1.8f;
    const ops::Penalty penalty{id, 0};
    ops::Draw how{.repetition = 1.5};
    how.penalties = {&penalty, 1};
    EXPECT_EQ(draw(logits, {&how, 1}).front(), id);
    how.repetition = 2;
    EXPECT_EQ(draw(logits, {&how, 1}).front(), 7);
    logits.data<float>()[id] = 0;
  }
}

TEST_P(Draws, CheckWhatTheyAreAskedFor) {
  const Tensor logits = logits_of(2, 8, 1, false);
  const std::vector<ops::Draw> one(1);
  const ops::Penalty outside{8, 1};
  const std::vector<uint32_t> words(2);  // of eight tokens there is one
  EXPECT_THROW(draw(logits, one), std::invalid_argument);
  for (const ops::Draw& bad :
       {ops::Draw{.top_p = 0}, ops::Draw{.min_p = 2}, ops::Draw{.uniform = 1}, ops::Draw{.top_k = -1},
        ops::Draw{.temperature = -1}, ops::Draw{.repetition = 0}, ops::Draw{.penalties = {&outside, 1}},
        ops::Draw{.allowed = words}, ops::Draw{.temperature = std::numeric_limits<float>::quiet_NaN()}})
    EXPECT_THROW(draw(logits, std::vector<ops::Draw>{{}, bad}), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Cuda, Draws, ::testing::Values("cuda_emulated", "cuda"),
                         [](const auto& device) { return std::string(device.param); });

// A search for the border of top_k or top_p is eight launches more, whatever the rows.
TEST(DrawLaunches, AreAsManyAsTheyAskFor) {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  const auto backend = ops::make_backend("cuda_emulated");
  const Tensor logits = backend->allocate(DType::float32, {3, kVocabulary}),
               out = backend->allocate(DType::int32, {3, 1});
  const auto launches = [&](const ops::Draw& first, const ops::Draw& last) {
    const std::vector<ops::Draw> draws = {first, {}, last};
    const int64_t before = counted("launches");
    backend->draw(logits, draws, out);
    return counted("launches") - before;
  };
  const ops::Draw greedy{.top_p = .5, .top_k = 4}, chance{.temperature = 1},
      top_k{.top_k = 4, .temperature = 1}, top_p{.top_p = .5, .temperature = 1},
      all{.top_k = kVocabulary, .temperature = 1};
  EXPECT_EQ(launches(greedy, greedy), 2);
  EXPECT_EQ(launches(greedy, chance), 3);
  EXPECT_EQ(launches(all, chance), 3);
  EXPECT_EQ(launches(top_k, chance), 11);
  EXPECT_EQ(launches(top_p, greedy), 11);
  EXPECT_EQ(launches(top_k, top_p), 19);
  const ops::Penalty penalty{3, 1};
  ops::Draw penalised = chance;
  penalised.penalties = {&penalty, 1};
  EXPECT_EQ(launches(penalised, greedy), 4);
}

}  // namespace
}  // namespace whorl
