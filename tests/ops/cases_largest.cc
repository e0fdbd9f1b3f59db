// The largest numbers of a row, against a full sort.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/harness.h"

namespace whorl::ops {

namespace {
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What a row should give, [2 count]: all of it sorted.
std::vector<int32_t> sorted(const float* row, int64_t v, int64_t count) {
  std::vector<int32_t> order(static_cast<size_t>(v));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return row[a] > row[b]; });
  std::vector<int32_t> out(order.begin(), order.begin() + count);
  for (int64_t i = 0; i < count; ++i) out.push_back(std::bit_cast<int32_t>(row[out[static_cast<size_t>(i)]]));
  return out;
}

// Few values, so that many are equal, at places that no part of a row is spared.
Tensor tied_logits(Random& random, int64_t n, int64_t v) {
  Matrix<double> m(n, v);
  for (double& x : m.data) x = 0.25 * static_cast<double>(random.below(v > 100 ? v / 8 : 5)) - 3;
  return to_slice(m);
}

void compare_rows(Backend& backend, const Tensor& logits, int64_t count, Report& report) {
  const int64_t n = logits.dim(0), v = logits.dim(1);
  const Tensor whole = Tensor::zeros(DType::int32, {n, 2 * count + 3});
  std::fill_n(whole.data<int32_t>(), whole.numel(), -7);
  const Tensor out = whole.columns(0, 2 * count);
  backend.largest(logits, out);
  for (int64_t i = 0; i < n; ++i) {
    const int32_t* const got = whole.data<int32_t>() + i * whole.dim(1);
    const float* const row = logits.data<float>() + i * logits.row_stride();
    const bool broken = std::any_of(row, row + v, [](float x) { return !(x < kInfinity); });
    if (broken)
      report.expect(std::isnan(std::bit_cast<float>(got[count])), "row " + std::to_string(i) + " is broken");
    else
      report.expect(std::equal(got, got + 2 * count, sorted(row, v, count).begin()),
                    "row " + std::to_string(i) + " is ranked");
    report.expect(got[2 * count] == -7 && got[2 * count + 2] == -7, "numbers behind a row");
  }
}
}  // namespace

void check_largest(Backend& backend, const Setting&, Report& report) {
  for (const auto& [n, v, count] : {std::array<int64_t, 3>{1, 1, 1},
                                    {3, 5, 5},
                                    {2, 97, 64},
                                    {4, 2048, 1},
                                    {2, 2049, 3},
                                    {5, 4500, 40},
                                    {1, 9001, 64}}) {
    report.enter("largest " + to_string({n, v, count}));
    Random random(static_cast<uint64_t>(v + count));
    const Tensor logits = tied_logits(random, n, v);
    const auto set = [&](int64_t row, int64_t i, float x) {
      logits.data<float>()[row * logits.row_stride() + i] = x;
    };
    compare_rows(backend, logits, count, report);
    // Forbidden tokens, all but the last one of a row.
    for (int64_t i = 0; i + 1 < v; ++i) set(0, i, -kInfinity);
    compare_rows(backend, logits, count, report);
    // One row that is not finite spoils no other.
    set(n - 1, v - 1, std::numeric_limits<float>::quiet_NaN());
    compare_rows(backend, logits, count, report);
    set(n - 1, v - 1, 0), set(n / 2, v / 2, kInfinity);
    compare_rows(backend, logits, count, report);
  }
}

}  // namespace whorl::ops
