// Kernels called directly: how exact, and what they do at the edges of float.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "cpu/isa.h"

namespace whorl::cpu {

namespace {
class EveryIsa : public testing::TestWithParam<std::string> {
 protected:
  const Kernels& k = kernels_for(GetParam());
  float exp(float x) const {  // factor * exp(x - lse)
    k.row_softmax(1, &x, 0, 1);
    return x;
  }
};

TEST_P(EveryIsa, ExpIsWithinTwoUnitsInTheLastPlace) {
  double worst = 0;
  for (double x = -87; x < 88; x += 0.0137) {
    const float in = static_cast<float>(x);
    const double want = std::exp(static_cast<double>(in));
    const double unit = std::ldexp(1.0, std::ilogb(want) - 23);
    worst = std::max(worst, std::abs(static_cast<double>(exp(in)) - want) / unit);
  }
  EXPECT_LT(worst, 2);
}

TEST_P(EveryIsa, ExpAtTheEdges) {
  EXPECT_EQ(exp(0), 1);
  EXPECT_EQ(exp(-std::numeric_limits<float>::infinity()), 0);
  EXPECT_EQ(exp(-1000), 0);
  EXPECT_GT(exp(1000), 1e38f);
  EXPECT_TRUE(std::isnan(exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST_P(EveryIsa, SumOfExpIsExactOverALongRow) {
  const std::vector<float> x(151937, 0.5f);
  EXPECT_EQ(k.row_max(151937, x.data()), 0.5f);
  EXPECT_NEAR(k.row_sum_exp(151937, x.data(), 0.5f), 151937.0, 1e-9);
}

TEST_P(EveryIsa, WeightsAreExpOfWhatLiesBelowTheLargest) {
  for (const size_t n : {1, 15, 16, 17, 64, 97}) {
    std::vector<float> x(n), w(n + 1, -7.0f);
    for (size_t i = 0; i < n; ++i) x[i] = 3 - 0.37f * static_cast<float>(i);
    x.back() = n > 1 ? -std::numeric_limits<float>::infinity() : 3;
    k.row_weights(static_cast<int64_t>(n), x.data(), 3, 1.25f, w.data());
    for (size_t i = 0; i < n; ++i) {
      const double power = 1.25 * (static_cast<double>(x[i]) - 3), want = std::exp(power);
      const double limit = want > 0 ? 1e-7 * (4 - power) * want : 0;  // the power's own rounding
      EXPECT_NEAR(w[i], want, limit) << n << " " << i;
    }
    EXPECT_EQ(w[n], -7.0f);
  }
}

TEST_P(EveryIsa, MaximumIsFoundAnywhere) {
  for (size_t at = 0; at < 37; ++at) {
    std::vector<float> x(37, -3.0f);
    x[at] = -2.0f;
    EXPECT_EQ(k.row_max(37, x.data()), -2.0f) << at;
  }
}

// A key after the query must not reach it, whatever it holds.
TEST_P(EveryIsa, LaterKeysThatAreNotNumbersDoNotReachEarlierQueries) {
  constexpr int64_t kRows = 40, kSize = 20;
  std::vector<float> q(kRows * kSize, 0.1f), kv(kRows * kSize, 0.2f), out(kRows * kSize);
  for (int64_t i = 30 * kSize; i < kRows * kSize; ++i) kv[static_cast<size_t>(i)] = std::nanf("");
  std::vector<float> scratch(static_cast<size_t>(k.attention_scratch(kRows, kSize)));
  AttentionTile t{};
  t.q = q.data(), t.q_stride = kSize, t.out = out.data(), t.out_stride = kSize;
  t.rows = kRows, t.group = 1, t.head_size = kSize, t.scale = 1;
  t.keys = {kv.data(), kv.data(), kSize, nullptr, 0, false, false};
  t.scratch = scratch.data();
  k.attention(t);
  for (int64_t i = 0; i < 30 * kSize; ++i) EXPECT_NEAR(out[static_cast<size_t>(i)], 0.2f, 1e-6f) << i;
  EXPECT_TRUE(std::isnan(out[30 * kSize]));
}

std::vector<float> numbers(int64_t n, uint64_t seed) {
  std::vector<float> out(static_cast<size_t>(n));
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(base::uniform(seed, i) - 0.5);
  return out;
}

// The same with a bfloat16 in either half of a word.
std::vector<float> pairs(std::vector<float> of) {
  for (float& x : of) {
    const auto bits = std::bit_cast<uint32_t>(x) >> 16;
    x = std::bit_cast<float>(bits << 16 | bits);
  }
  return of;
}

// Blocks of rows and of k as a product of a large matrix has them; an adapter of 20 columns beside it.
TEST_P(EveryIsa, AProductBesideAnotherIsWhatItIsAlone) {
  if (k.products_at_once < 2) GTEST_SKIP() << GetParam() << " makes one product at a time";
  constexpr int64_t kRows = 250, kInputs = 2100, kColumns = 33, kBeside = 20;
  const auto a = numbers(kRows * kInputs, 1), w = pairs(numbers(kInputs * 48, 2)),
             w2 = pairs(numbers(kInputs * 32, 3));
  std::vector<float> scratch(static_cast<size_t>(k.gemm_scratch));
  const auto run = [&](const std::vector<float>& weights, int64_t columns, bool bf16, std::vector<float>& c,
                       const Gemm* beside) {
    Gemm g{};
    g.a = a.data(), g.a_stride = kInputs, g.rows = kRows, g.k = kInputs, g.w = weights.data(), g.bf16 = bf16;
    g.panel_end = (columns + kPanel - 1) / kPanel, g.columns = columns;
    c.resize(static_cast<size_t>(kRows * columns));
    g.c = c.data(), g.c_stride = columns, g.scratch = scratch.data(), g.beside = beside;
    k.gemm(g);
    return g;
  };
  for (const bool bf16 : {false, true}) {
    std::vector<float> alone, other, both, second(kRows * kBeside);
    run(w, kColumns, bf16, alone, nullptr);
    Gemm beside = run(w2, kBeside, bf16, other, nullptr);
    beside.a = nullptr, beside.k = 0, beside.rows = 0, beside.scratch = nullptr, beside.c = second.data();
    run(w, kColumns, bf16, both, &beside);
    EXPECT_EQ(both, alone) << "bfloat16: " << bf16;
    EXPECT_EQ(second, other) << "bfloat16: " << bf16;
  }
}

// An adapter of rank 128, of 7 and of one number, whose rows the product beside makes: what one product after
// the other gives.
TEST_P(EveryIsa, AProductBehindAnotherIsOneAddedToIt) {
  if (k.most_behind < 2) GTEST_SKIP() << GetParam() << " adds one product to another";
  constexpr int64_t kRows = 250, kInputs = 2100, kColumns = 37;
  const auto a = numbers(kRows * kInputs, 1), w = pairs(numbers(kInputs * 48, 2)),
             down = pairs(numbers(kInputs * 128, 3)), up = pairs(numbers(128 * 48, 4));
  std::vector<float> scratch(static_cast<size_t>(k.gemm_scratch));
  const auto product = [&](const float* rows, int64_t inputs, const std::vector<float>& weights, bool bf16,
                           std::vector<float>& c, int64_t columns) {
    Gemm g{};
    g.a = rows, g.a_stride = inputs, g.rows = kRows, g.k = inputs, g.w = weights.data(), g.bf16 = bf16;
    g.panel_end = (columns + kPanel - 1) / kPanel, g.columns = columns;
    c.resize(static_cast<size_t>(kRows * columns));
    g.c = c.data(), g.c_stride = columns, g.scratch = scratch.data();
    return g;
  };
  for (const bool bf16 : {false, true})
    for (const int64_t rank : {1, 7, 128}) {
      std::vector<float> low, expected, same_low, both;
      k.gemm(product(a.data(), kInputs, down, bf16, low, rank));
      k.gemm(product(a.data(), kInputs, w, bf16, expected, kColumns));
      Gemm second = product(low.data(), rank, up, bf16, expected, kColumns);
      second.init = expected.data(), second.init_stride = kColumns;
      k.gemm(second);
      const Gemm beside = product(nullptr, 0, down, bf16, same_low, rank);
      Gemm behind{};
      behind.a = same_low.data(), behind.a_stride = rank, behind.k = rank, behind.w = up.data();
      Gemm g = product(a.data(), kInputs, w, bf16, both, kColumns);
      g.beside = &beside, g.behind = &behind;
      k.gemm(g);
      EXPECT_EQ(both, expected) << "bfloat16: " << bf16 << ", rank " << rank;
    }
}

// Packed in two parts, all of them and rows from one on, beside and behind others: what gemm packs itself.
TEST_P(EveryIsa, RowsPackedOnceGiveWhatEachCallPacks) {
  if (k.packs_apart < 2) GTEST_SKIP() << GetParam() << " packs rows in each product";
  constexpr int64_t kInputs = 8301, kColumns = 37, kRank = 7;  // more than are multiplied at once
  const auto w = pairs(numbers(kInputs * 48, 2)), down = pairs(numbers(kInputs * 16, 3)),
             up = pairs(numbers(kRank * 48, 4));
  std::vector<float> scratch(static_cast<size_t>(k.gemm_scratch));
  for (const int64_t rows : {1, 8, 13, 16, 17, 18, 32, 33, 48}) {
    const auto a = numbers(rows * kInputs, 1);
    const int64_t step = (rows + 15) / 16 * 16;
    std::vector<float> packed(static_cast<size_t>(step * (kInputs + 1) / 2), std::nanf(""));
    const auto run = [&](const float* from, int64_t first, bool beside, std::vector<float>& low) {
      Gemm g{}, first_product{}, second{};
      g.a = a.data() + first * kInputs, g.a_stride = kInputs, g.rows = rows - first, g.k = kInputs;
      g.w = w.data(), g.bf16 = true, g.panel_end = 3, g.columns = kColumns, g.c_stride = kColumns;
      g.scratch = scratch.data();
      if (from) g.packed = from + first, g.packed_step = step;
      low.assign(static_cast<size_t>((rows - first) * kRank), 0.0f);
      first_product.w = down.data(), first_product.panel_end = 1, first_product.columns = kRank;
      first_product.c = low.data(), first_product.c_stride = kRank;
      second.a = low.data(), second.a_stride = kRank, second.k = kRank, second.w = up.data();
      if (beside) g.beside = &first_product, g.behind = &second;
      std::vector<float> c(static_cast<size_t>((rows - first) * kColumns));
      g.c = c.data();
      k.gemm(g);
      return c;
    };
    Gemm rows_of{};
    rows_of.a = a.data(), rows_of.a_stride = kInputs, rows_of.rows = rows, rows_of.k = kInputs;
    rows_of.packed_step = step;
    k.pack_rows(rows_of, 1056, kInputs, packed.data());
    k.pack_rows(rows_of, 0, 1056, packed.data());
    for (size_t i = 0; i < packed.size(); ++i)
      ASSERT_EQ(std::isnan(packed[i]), static_cast<int64_t>(i) % step >= rows)
          << i << " of " << rows << " rows";
    for (const bool beside : {false, true})
      for (const int64_t first : {int64_t{0}, rows / 2}) {
        std::vector<float> low, low_packed;
        EXPECT_EQ(run(packed.data(), first, beside, low_packed), run(nullptr, first, beside, low)) << rows;
        EXPECT_EQ(low_packed, low) << rows;
      }
  }
}

// More blocks of keys than are kept, and a window that reads some again: the last rows of a long sequence are
// those of a short one that begins where the window does.
TEST_P(EveryIsa, GradientsOfALongSequenceAreThoseOfItsEnd) {
  constexpr int64_t kRows = 1300, kFirst = 960, kSize = 20, kWindow = 128;
  const auto q = numbers(kRows * kSize, 1), kv = numbers(kRows * kSize, 2), out = numbers(kRows * kSize, 3),
             dout = numbers(kRows * kSize, 4), lse = numbers(kRows, 5);
  std::vector<float> scratch(static_cast<size_t>(k.attention_gradient_scratch(kSize)));
  const auto run = [&](int64_t first, void (*kernel)(const AttentionGradient&)) {
    std::vector<float> dq(static_cast<size_t>((kRows - first) * kSize)), dk(dq), dv(dq);
    AttentionGradient g{};
    const int64_t at = first * kSize;
    g.dout = dout.data() + at, g.q = q.data() + at, g.k = g.v = kv.data() + at, g.out = out.data() + at;
    g.lse = lse.data() + first, g.dq = dq.data(), g.dk = dk.data(), g.dv = dv.data();
    g.dout_stride = g.q_stride = g.k_stride = g.v_stride = g.out_stride = kSize, g.lse_stride = 1;
    g.dq_stride = g.dk_stride = g.dv_stride = kSize;
    g.rows = kRows - first, g.group = 1, g.head_size = kSize, g.scale = 0.2f, g.window = kWindow;
    g.scratch = scratch.data();
    kernel(g);
    return dq;
  };
  for (const auto kernel : {k.attention_gradient, k.attention_gradient_pairs}) {
    const auto whole = run(0, kernel), end = run(kFirst, kernel);
    // Rows from here on see nothing before kFirst.
    for (int64_t i = (kFirst + kWindow) * kSize; i < kRows * kSize; ++i)
      ASSERT_EQ(whole[static_cast<size_t>(i)], end[static_cast<size_t>(i - kFirst * kSize)]) << i / kSize;
  }
}

// Working memory comes back as another sequence left it, with numbers that are none where that one had them.
// An odd number of queries leaves half a word, and lanes, to nobody.
TEST_P(EveryIsa, AttentionDoesNotSeeWhatItsWorkingMemoryHeld) {
  constexpr int64_t kRows = 37, kSize = 20;
  const auto q = numbers(kRows * kSize, 1), kv = numbers(kRows * kSize, 2), dout = numbers(kRows * kSize, 3);
  const auto run = [&](float held, auto forward, auto backward) {
    std::vector<float> all(static_cast<size_t>(4 * kRows * kSize + kRows));
    float *const out = all.data(), *const lse = out + 4 * kRows * kSize;
    std::vector<float> scratch(
        static_cast<size_t>(k.attention_scratch(kRows, kSize) + k.attention_gradient_scratch(kSize)), held);
    AttentionTile t{};
    t.q = q.data(), t.keys.k = t.keys.v = kv.data(), t.out = out, t.lse = lse, t.scratch = scratch.data();
    t.q_stride = t.out_stride = t.keys.row_stride = kSize, t.lse_stride = 1;
    t.rows = kRows, t.group = 1, t.head_size = kSize, t.scale = 0.2f;
    forward(t);
    std::ranges::fill(scratch, held);
    AttentionGradient g{};
    g.dout = dout.data(), g.q = q.data(), g.k = g.v = kv.data(), g.out = out, g.lse = lse;
    g.dq = out + kRows * kSize, g.dk = g.dq + kRows * kSize, g.dv = g.dk + kRows * kSize;
    g.dout_stride = g.q_stride = g.k_stride = g.v_stride = g.out_stride = kSize, g.lse_stride = 1;
    g.dq_stride = g.dk_stride = g.dv_stride = kSize;
    g.rows = kRows, g.group = 1, g.head_size = kSize, g.scale = 0.2f, g.scratch = scratch.data();
    backward(g);
    return all;
  };
  const float none = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(run(none, k.attention, k.attention_gradient), run(0, k.attention, k.attention_gradient));
  EXPECT_EQ(run(none, k.attention_pairs, k.attention_gradient_pairs),
            run(0, k.attention_pairs, k.attention_gradient_pairs));
}

std::vector<std::string> every_isa() {
  auto names = available_isas();
  for (const auto& name : emulated_isas()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Cpu, EveryIsa, testing::ValuesIn(every_isa()),
                         [](const auto& instance) { return instance.param; });
}  // namespace
}  // namespace whorl::cpu
