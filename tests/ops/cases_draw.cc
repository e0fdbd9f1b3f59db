// Tokens drawn from rows: against a reading of the definition in double, and to the id against sorting the
// row.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/harness.h"

namespace whorl::ops {

namespace {
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kSlack = 1e-5;  // of the sum: what exponentials in float32 may be off by

// What a row leaves to be drawn from, in double.
struct Kept {
  std::vector<int32_t> order;  // best first
  std::vector<double> weights;
  double total = 0;

  Kept(const float* row, int64_t v, const Draw& how) : order(static_cast<size_t>(v)) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return row[a] > row[b]; });
    if (how.top_k > 0 && how.top_k < v) order.resize(static_cast<size_t>(how.top_k));
    for (const int32_t id : order) {
      const double difference = static_cast<double>(row[id]) - static_cast<double>(row[order[0]]);
      weights.push_back(std::exp(difference / static_cast<double>(how.temperature)));
      total += weights.back();
    }
  }

  // Whether `id` lies where `uniform` falls, if top_p leaves the first `count`.
  bool may_be(int32_t id, size_t count, const Draw& how) const {
    double before = 0, own = 0, sum = 0;
    for (size_t i = 0; i < count; ++i) {
      if (weights[i] < how.min_p) continue;
      sum += weights[i];
      (order[i] < id ? before : own) += order[i] <= id ? weights[i] : 0;
    }
    const double at = how.uniform * sum;
    return own > 0 && at > before - kSlack * sum && at < before + own + kSlack * sum;
  }

  bool may_be(int32_t id, const Draw& how) const {
    if (how.top_p >= 1) return may_be(id, order.size(), how);
    double mass = 0;
    bool possible = false;
    for (size_t i = 0; i < order.size() && mass < (how.top_p + kSlack) * total; ++i) {
      mass += weights[i];
      if (mass > (how.top_p - kSlack) * total) possible = possible || may_be(id, i + 1, how);
    }
    return possible;
  }
};

// A row whose least weight lies at the edge of min_p is no good test: none of these does.
Draw some_draw(Random& random, int64_t v) {
  constexpr std::array<float, 5> temperatures = {0, 1, 0.7f, 2, 1e-30f};
  constexpr std::array<double, 5> shares = {1, 0.9, 0.5, 0.999, 1e-9};
  constexpr std::array<double, 4> least = {0, 0, 0.123, 0.0456};
  const std::array<int64_t, 6> counts = {0, 0, 1, 5, v / 2 + 1, v + 3};
  Draw out;
  out.temperature = temperatures[static_cast<size_t>(random.below(5))];
  out.top_p = shares[static_cast<size_t>(random.below(5))];
  out.min_p = least[static_cast<size_t>(random.below(4))];
  out.top_k = counts[static_cast<size_t>(random.below(6))];
  out.uniform = static_cast<double>(random.below(1 << 20)) * 0x1p-20;
  if (random.below(8) == 0) out.uniform = 1 - 0x1p-53;
  return out;
}

// Few values, so that many are equal, at places that no part of a row is spared.
Tensor tied_logits(Random& random, int64_t n, int64_t v) {
  Matrix<double> m(n, v);
  for (double& x : m.data) x = 0.25 * static_cast<double>(random.below(v > 100 ? v / 8 : 5)) - 3;
  for (double& x : m.data)
    if (v > 100 && x > 9) x = 9 - x / 100;
  return to_slice(m);
}

void compare_row(const float* row, int64_t v, const Draw& how, int32_t got, const std::string& name,
                 Report& report) {
  if (std::any_of(row, row + v, [](float x) { return !(x < kInfinity); }))
    return report.expect(got == kBrokenLogits, name + " is broken");
  const auto best = std::max_element(row, row + v);
  if (*best == -kInfinity) return report.expect(got == kNothingLikely, name + " allows nothing");
  if (how.temperature == 0) return report.expect(got == best - row, name + ": the first of the likeliest");
  report.expect(got >= 0 && got < v && Kept(row, v, how).may_be(got, how), name + " is drawn");
}

void compare(Backend& backend, const Tensor& logits, std::span<const Draw> draws, Report& report) {
  const int64_t n = logits.dim(0), v = logits.dim(1);
  const Tensor whole = Tensor::zeros(DType::int32, {n, 3});
  std::fill_n(whole.data<int32_t>(), whole.numel(), -7);
  backend.draw(logits, draws, whole.columns(1, 2));
  for (int64_t i = 0; i < n; ++i) {
    const int32_t* const got = whole.data<int32_t>() + i * 3;
    const float* const row = logits.data<float>() + i * logits.row_stride();
    const Draw& how = draws[static_cast<size_t>(i)];
    const std::string name = "row " + std::to_string(i);
    compare_row(row, v, how, got[1], name, report);
    report.expect(got[1] == draw_row(backend, {row, static_cast<size_t>(v)}, how), name + ": as sorted");
    report.expect(got[0] == -7 && got[2] == -7, "numbers beside a row");
  }
}

void check_size(Backend& backend, int64_t n, int64_t v, Report& report) {
  report.enter("draw " + to_string({n, v}));
  Random random(static_cast<uint64_t>(v + n));
  const Tensor tied = tied_logits(random, n, v), spread = to_slice(random.matrix(n, v, 3));
  std::vector<Draw> draws;
  for (const Tensor& logits : {tied, spread})
    for (int i = 0; i < 3; ++i) {
      draws.clear();
      for (int64_t row = 0; row < n; ++row) draws.push_back(some_draw(random, v));
      if (i == 2)  // none is narrowed, as steps of an engine that was told no more than a temperature
        for (Draw& d : draws) d.top_p = 1, d.top_k = 0;
      compare(backend, logits, draws, report);
    }
  const auto set = [&](int64_t row, int64_t i, float x) {
    tied.data<float>()[row * tied.row_stride() + i] = x;
  };
  // Forbidden tokens, all but the last one of a row; zeros of both signs are equal.
  for (int64_t i = 0; i + 1 < v; ++i) set(0, i, -kInfinity);
  for (int64_t i = 0; i < v / 2 && n > 2; ++i) set(1, i, i % 2 ? 0.0f : -0.0f);
  compare(backend, tied, draws, report);
  set(0, v - 1, -kInfinity);
  // One row that is not finite spoils no other.
  set(n - 1, v - 1, std::numeric_limits<float>::quiet_NaN());
  compare(backend, tied, draws, report);
  set(n - 1, v - 1, 0), set(n / 2, v / 2, kInfinity);
  compare(backend, tied, draws, report);
}
}  // namespace

void check_draw(Backend& backend, const Setting&, Report& report) {
  for (const auto& [n, v] :
       {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {9, 97}, {4, 2048}, {5, 2049}, {6, 4500}, {3, 9001}})
    check_size(backend, n, v, report);
}

}  // namespace whorl::ops
