// Adapters where this backend has two ways for one thing: those that round their operands beside those that
// do not, and so many rows that a warp on tensor cores takes more ranks at once. Bits stay those of rows
// alone.
#include <gtest/gtest.h>

#include <filesystem>

#include "ops/device.h"
#include "ops/harness.h"
#include "ops/library_folders.h"
#include "ops/staging_backend.h"

namespace whorl::ops {

namespace {
constexpr int64_t kRank = 16;

// Over one base in bfloat16: a forward pass and the way back of some rows.
struct Numbers {
  StagingBackend backend;
  Random random{11};
  int64_t n, k, o;
  Tensor x, dy;
  Weight w;

  Numbers(int64_t rows, int64_t inputs, int64_t outputs)
      : backend(make_backend("cuda_emulated")), n(rows), k(inputs), o(outputs) {
    x = to_tensor(random.matrix(n, k)), dy = to_tensor(random.matrix(n, o));
    w = backend.pack(to_tensor(random.matrix(o, k, 0.3, DType::bfloat16), DType::bfloat16), true);
  }
  Lora adapter(DType base) {
    return backend.pack_lora(to_tensor(random.matrix(kRank, k)), to_tensor(random.matrix(o, kRank)), 0.7f,
                             base);
  }

  struct Results {
    Tensor y, s, dx;
    std::vector<LoraGradient> gradients;
  };
  Results run(int64_t begin, int64_t end, std::span<const LoraSegment> segments, bool gradients) {
    const int64_t rows = end - begin;
    const auto zeros = [](int64_t r, int64_t c) { return Tensor::zeros(DType::float32, {r, c}); };
    Results out{zeros(rows, o), zeros(rows, kRank), zeros(rows, k), {}};
    for (size_t i = 0; gradients && i < segments.size(); ++i)
      out.gradients.push_back({zeros(kRank, k), zeros(o, kRank)});
    backend.linear(x.rows(begin, end), *w, Tensor(), segments, out.s, out.y);
    backend.linear_backward(dy.rows(begin, end), x.rows(begin, end), *w, segments, out.s, out.gradients,
                            out.dx, false);
    return out;
  }
  // Its rows in `all`, which has the gradients of segment `index`.
  void expect_alone(LoraSegment segment, const Results& all, size_t index) {
    const int64_t begin = segment.begin, end = segment.end;
    segment.begin = 0, segment.end = end - begin;
    const Results alone = run(begin, end, {&segment, 1}, !all.gradients.empty());
    Report report;
    report.enter("rows " + std::to_string(begin) + ".." + std::to_string(end));
    report.same_bits("y", alone.y, all.y.rows(begin, end));
    report.same_bits("s", alone.s, all.s.rows(begin, end));
    report.same_bits("dx", alone.dx, all.dx.rows(begin, end));
    if (!all.gradients.empty()) {
      report.same_bits("da", alone.gradients[0].da, all.gradients[index].da);
      report.same_bits("db", alone.gradients[0].db, all.gradients[index].db);
    }
    EXPECT_TRUE(report.ok()) << report.text();
  }
};

class Adapters : public testing::Test {
 protected:
  void SetUp() override {
    add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  }
};

TEST_F(Adapters, OfBothKindsInOneCallHaveTheBitsOfEachAlone) {
  Numbers numbers(30, 300, 9);
  const Lora rounds = numbers.adapter(DType::bfloat16), exact = numbers.adapter(DType::float32);
  const std::vector<LoraSegment> segments = {
      {0, 13, rounds.get(), 0.2f, 5}, {13, 20, exact.get(), 0.3f, 6}, {22, 30, rounds.get()}};
  const auto all = numbers.run(0, numbers.n, segments, true);
  for (size_t i = 0; i < segments.size(); ++i) numbers.expect_alone(segments[i], all, i);
}

TEST_F(Adapters, AreHeldInBfloat16WhereTheyAreRounded) {
  Numbers numbers(1, 300, 9);
  EXPECT_EQ(numbers.adapter(DType::bfloat16)->nbytes(), kRank * (300 + 9) * size_t{2});
  EXPECT_EQ(numbers.adapter(DType::float32)->nbytes(), kRank * (300 + 9) * size_t{4});
}

TEST_F(Adapters, OfManyRowsHaveTheBitsOfEachAlone) {
  Numbers numbers(2100, 300, 5);
  const Lora lora = numbers.adapter(DType::bfloat16);
  std::vector<LoraSegment> segments;
  for (int64_t row = 0; row < numbers.n; ++row) segments.push_back({row, row + 1, lora.get(), 0.1f, 5, row});
  const auto all = numbers.run(0, numbers.n, segments, false);
  for (const size_t row : {0, 1, 1000, 2099}) numbers.expect_alone(segments[row], all, 0);
}

}  // namespace
}  // namespace whorl::ops
