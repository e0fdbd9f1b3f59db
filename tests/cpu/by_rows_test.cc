// Rows taken through ops piece by piece: every row once, working memory that nobody shares, sums in row
// order.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "base/random.h"
#include "cpu/backend.h"
#include "cpu/isa.h"

namespace whorl::cpu {
namespace {

using ops::Quantize;
using ops::RowPiece;

std::shared_ptr<CpuBackend> backend_of(int threads) {
  return std::make_shared<CpuBackend>(std::make_shared<base::ThreadPool>(threads), kernels_for(""));
}

Tensor random_tensor(uint64_t seed, Shape shape) {
  Tensor t = Tensor::zeros(DType::float32, std::move(shape));
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<float>()[i] = static_cast<float>(base::uniform(seed, static_cast<uint64_t>(i)) - 0.5);
  return t;
}

std::vector<float> values(const Tensor& t) { return {t.data<float>(), t.data<float>() + t.numel()}; }

class Pieces : public testing::TestWithParam<std::tuple<int, int64_t>> {};

TEST_P(Pieces, HaveEveryRowOnceAndWorkingMemoryOfTheirOwn) {
  const auto& [threads, n] = GetParam();
  const auto backend = backend_of(threads);
  std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
  const int64_t working = backend->working_rows(n);
  std::vector<std::atomic<int>> busy(static_cast<size_t>(working));
  std::atomic<int> shared{0}, pieces{0};
  EXPECT_LE(working, n);
  for (int times = 0; times < 20; ++times)
    backend->by_rows(n, {}, [&](const RowPiece& rows) {
      ++pieces;
      ASSERT_GE(rows.working, 0);
      ASSERT_LE(rows.working + rows.rows(), working);
      for (int64_t i = rows.begin; i < rows.end; ++i) ++seen[static_cast<size_t>(i)];
      const auto place = [&](int64_t i) -> std::atomic<int>& {
        return busy[static_cast<size_t>(rows.working + i)];
      };
      for (int64_t i = 0; i < rows.rows(); ++i) shared += ++place(i) > 1;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      for (int64_t i = 0; i < rows.rows(); ++i) --place(i);
    });
  EXPECT_EQ(shared.load(), 0);
  for (const auto& times : seen) EXPECT_EQ(times.load(), 20);
  if (n >= 192 * threads && threads <= 8) {
    EXPECT_GE(pieces.load(), 20 * threads);
  }
}
INSTANTIATE_TEST_SUITE_P(Rows, Pieces,
                         testing::Combine(testing::Values(1, 2, 3, 8, 9),
                                          testing::Values<int64_t>(1, 95, 191, 193, 247, 385, 577, 1000,
                                                                   2311)));

// Working memory for many rows serves fewer, however those are cut.
TEST(Pieces, FewerRowsNeedNoMoreWorkingMemory) {
  for (const int threads : {1, 2, 3, 5, 7, 8, 9}) {
    const auto backend = backend_of(threads);
    for (int64_t n = 1; n < 3500; n += 7) {
      EXPECT_LE(backend->working_rows(n), backend->working_rows(n + 7));
      std::atomic<int64_t> most{0};
      backend->by_rows(n, {}, [&](const RowPiece& rows) {
        int64_t now = most;
        while (now < rows.working + rows.rows() &&
               !most.compare_exchange_weak(now, rows.working + rows.rows()));
      });
      ASSERT_LE(most.load(), backend->working_rows(n)) << n << " rows, " << threads << " threads";
    }
  }
}

struct Case {
  DType dtype;
  Quantize quantize;
  bool layout;  // for gradients, kept
};
void PrintTo(const Case& t, std::ostream* to) {
  *to << name_of(t.dtype) << (t.quantize == Quantize::none ? "" : ", rounded") << (t.layout ? ", kept" : "");
}

// Three weights one after another, as in a layer, with adapters whose rows end within pieces.
struct Layer {
  static constexpr int64_t kRows = 700, kInputs = 80, kOutputs = 112;
  std::shared_ptr<CpuBackend> backend;
  std::vector<Weight> weights;
  std::vector<Lora> loras;
  std::vector<std::pair<int64_t, int64_t>> owned = {{0, 150}, {150, 151}, {301, 700}};
  Tensor x = random_tensor(1, {kRows, kInputs}), dy = random_tensor(2, {kRows, kOutputs});
  Tensor s = random_tensor(3, {kRows, 8}), dx = random_tensor(4, {kRows, kInputs});
  std::vector<Tensor> da, db;

  Layer(int threads, const Case& t) : backend(backend_of(threads)) {
    for (uint64_t i = 0; i < 3; ++i) {
      const Tensor w = random_tensor(10 + i, {kOutputs, kInputs}), stored = Tensor::zeros(t.dtype, w.shape());
      backend->upload(w, stored);
      weights.push_back(t.quantize == Quantize::none ? backend->pack(stored, t.layout)
                                                     : backend->pack_quantized(stored, t.quantize));
      for (uint64_t j = 0; j < owned.size(); ++j) {
        const Tensor a = random_tensor(20 + 3 * i + j, {8, kInputs}),
                     b = random_tensor(40 + 3 * i + j, {kOutputs, 8});
        loras.push_back(backend->pack_lora(a, b, 0.5f, t.dtype));
        da.push_back(random_tensor(60 + 3 * i + j, a.shape())),
            db.push_back(random_tensor(80 + 3 * i + j, b.shape()));
      }
    }
  }

  // Back through weight `i`, for these rows of the batch. The middle weight gives the second adapter no pair.
  void back(size_t i, const RowPiece& rows) {
    std::vector<LoraSegment> segments;
    std::vector<LoraGradient> gradients;
    for (size_t j = 0; j < owned.size(); ++j) {
      const int64_t begin = std::max(rows.begin, owned[j].first), end = std::min(rows.end, owned[j].second);
      if (begin >= end || (i == 1 && j != 1)) continue;
      segments.push_back({begin - rows.begin, end - rows.begin, loras[3 * i + j].get(), j == 2 ? 0.25f : 0.0f,
                          7, begin - owned[j].first});
      gradients.push_back({da[3 * i + j], db[3 * i + j]});
    }
    if (i == 1 && segments.empty()) return;  // pieces need not do the same
    backend->linear_backward(rows.of(dy), rows.of(x), *weights[i], segments, rows.of(s), gradients,
                             rows.of(dx), true);
  }
  std::vector<std::vector<float>> results() const {
    std::vector<std::vector<float>> out = {values(dx)};
    for (const Tensor& t : da) out.push_back(values(t));
    for (const Tensor& t : db) out.push_back(values(t));
    return out;
  }
};

class SumsOverRows : public testing::TestWithParam<Case> {};

TEST_P(SumsOverRows, AreTheBitsOfOneCallForAllRows) {
  for (const int threads : {1, 2, 3}) {
    Layer cut(threads, GetParam());
    std::mutex mutex;
    std::vector<RowPiece> pieces;
    cut.backend->by_rows(Layer::kRows, cut.weights, [&](const RowPiece& rows) {
      for (size_t i = 0; i < 3; ++i) cut.back(i, rows);
      const std::lock_guard lock(mutex);
      pieces.push_back(rows);
    });
    EXPECT_GT(pieces.size(), 1u);
    // The middle weight is passed by pieces that have its adapter alone.
    Layer one(1, GetParam());
    std::sort(pieces.begin(), pieces.end(),
              [](const RowPiece& a, const RowPiece& b) { return a.begin < b.begin; });
    for (size_t i = 0; i < 3; ++i) {
      if (i != 1) {
        one.back(i, {0, Layer::kRows, 0});
        continue;
      }
      for (const RowPiece& rows : pieces) one.back(i, rows);
    }
    EXPECT_EQ(cut.results(), one.results()) << threads << " threads";
  }
}
INSTANTIATE_TEST_SUITE_P(Weights, SumsOverRows,
                         testing::Values(Case{DType::float32, Quantize::none, true},
                                         Case{DType::float32, Quantize::none, false},
                                         Case{DType::bfloat16, Quantize::none, true},
                                         Case{DType::bfloat16, Quantize::none, false},
                                         Case{DType::bfloat16, Quantize::int8, false},
                                         Case{DType::bfloat16, Quantize::int4, false}));

TEST(ByRows, ThrowsWhatAPieceThrowsAndGoesOn) {
  Layer layer(3, {DType::bfloat16, Quantize::none, false});
  for (int times = 0; times < 50; ++times) {
    std::string said;
    try {
      layer.backend->by_rows(Layer::kRows, layer.weights, [&](const RowPiece& rows) {
        layer.back(0, rows);
        if (rows.begin > 0 && rows.begin < 300) throw std::runtime_error("row " + std::to_string(times));
        layer.back(2, rows);
      });
    } catch (const std::runtime_error& error) {
      said = error.what();
    }
    EXPECT_EQ(said, "row " + std::to_string(times));
  }
  std::atomic<int64_t> rows_seen{0};
  layer.backend->by_rows(Layer::kRows, {}, [&](const RowPiece& rows) { rows_seen += rows.rows(); });
  EXPECT_EQ(rows_seen.load(), Layer::kRows);
}

// Waits for at most ten seconds.
bool comes(const std::atomic<bool>& what) {
  for (int i = 0; i < 100000 && !what; ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
  return what;
}

TEST(ByRows, TheNextPieceNeedNotWaitForTheEndOfOne) {
  Layer layer(2, {DType::bfloat16, Quantize::none, true});
  std::atomic<bool> second{false};
  layer.backend->by_rows(2 * 128, {}, [&](const RowPiece& rows) {
    layer.back(0, rows);
    if (rows.begin > 0) second = true;
    EXPECT_TRUE(comes(second));
  });
}

TEST(ByRows, APieceThatEndsEarlyDoesNotLetLaterOnesPass) {
  Layer layer(3, {DType::bfloat16, Quantize::none, true});
  std::atomic<bool> first{false}, ended{false};
  layer.backend->by_rows(3 * 192, {}, [&](const RowPiece& rows) {
    if (rows.begin == 192) return ended.store(true);
    if (rows.begin == 0) {
      EXPECT_TRUE(comes(ended));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      first = true;
    }
    layer.back(0, rows);
    EXPECT_TRUE(first);
  });
  EXPECT_TRUE(ended);
}

TEST(ByRows, NoRowsAreNoCall) {
  backend_of(2)->by_rows(0, {}, [](const RowPiece&) { FAIL(); });
}

}  // namespace
}  // namespace whorl::cpu
