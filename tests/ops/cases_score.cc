// What likelihoods need of a row, against doubles.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "ops/harness.h"

namespace whorl::ops {

namespace {
constexpr float kInfinity = std::numeric_limits<float>::infinity();

void compare_row(const float* row, int64_t v, int32_t target, const int32_t* got, const std::string& name,
                 Report& report) {
  const auto number = [&](int i) { return std::bit_cast<float>(got[i]); };
  if (std::any_of(row, row + v, [](float x) { return !(x < kInfinity); }))
    return report.expect(std::isnan(number(1)), name + " is broken");
  const float most = *std::max_element(row, row + v);
  report.expect(got[0] == std::max_element(row, row + v) - row, name + ": the first of the largest");
  report.expect(got[1] == std::bit_cast<int32_t>(most), name + ": the largest");
  report.expect(got[2] == std::bit_cast<int32_t>(row[target]), name + ": the target's");
  double want = 0, sum;
  for (int64_t i = 0; i < v; ++i) want += std::exp(static_cast<double>(row[i]) - static_cast<double>(most));
  std::memcpy(&sum, got + 3, sizeof sum);
  report.expect(std::abs(sum - want) <= 2e-6 * want, name + ": the sum");
}

void compare(Backend& backend, const Tensor& logits, std::span<const int32_t> targets, Report& report) {
  const int64_t n = logits.dim(0), v = logits.dim(1);
  const Tensor whole = Tensor::zeros(DType::int32, {n, Backend::kScoreWords + 2});
  std::fill_n(whole.data<int32_t>(), whole.numel(), -7);
  backend.score(logits, targets, whole.columns(1, 1 + Backend::kScoreWords));
  for (int64_t i = 0; i < n; ++i) {
    const int32_t* const got = whole.data<int32_t>() + i * whole.dim(1);
    compare_row(logits.data<float>() + i * logits.row_stride(), v, targets[static_cast<size_t>(i)], got + 1,
                "row " + std::to_string(i), report);
    report.expect(got[0] == -7 && got[Backend::kScoreWords + 1] == -7, "numbers beside a row");
  }
}
}  // namespace

void check_score(Backend& backend, const Setting&, Report& report) {
  for (const auto& [n, v] : {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {2, 97}, {70, 300}, {4, 4500}}) {
    report.enter("score " + to_string({n, v}));
    Random random(static_cast<uint64_t>(v));
    const Tensor logits = to_slice(random.matrix(n, v, 4));
    std::vector<int32_t> targets;
    for (int64_t i = 0; i < n; ++i) targets.push_back(static_cast<int32_t>(random.below(v)));
    targets.back() = static_cast<int32_t>(v - 1);
    const auto set = [&](int64_t row, int64_t i, float x) {
      logits.data<float>()[row * logits.row_stride() + i] = x;
    };
    compare(backend, logits, targets, report);
    // Equal ones, and numbers whose exponentials nobody could hold.
    for (int64_t i = v / 2; i < v; ++i) set(0, i, 3000);
    for (int64_t i = 0; i + 1 < v; ++i) set(n - 1, i, -kInfinity);
    compare(backend, logits, targets, report);
    // One row that is not finite spoils no other.
    set(n / 2, v / 3, std::numeric_limits<float>::quiet_NaN());
    compare(backend, logits, targets, report);
    set(n / 2, v / 3, kInfinity);
    compare(backend, logits, targets, report);
  }
}

}  // namespace whorl::ops
