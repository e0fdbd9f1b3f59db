#include "ops/draw.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "ops/backend.h"
#include "ops/checks.h"

namespace whorl::ops {

namespace {
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Shortens `order`, best first, to those that top_k, top_p and min_p leave.
void narrow(std::vector<int32_t>& order, std::span<const float> weights, const Draw& how) {
  const auto mass = [&](int32_t id) { return whole_weight(weights[static_cast<size_t>(id)]); };
  if (how.top_k > 0 && how.top_k < std::ssize(order)) order.resize(static_cast<size_t>(how.top_k));
  if (how.top_p < 1) {
    uint64_t total = 0, sum = 0;
    for (const int32_t id : order) total += mass(id);
    size_t kept = 0;
    while (sum < share_of(how.top_p, total)) sum += mass(order[kept++]);
    order.resize(kept);
  }
  std::erase_if(
      order, [&](int32_t id) { return static_cast<double>(weights[static_cast<size_t>(id)]) < how.min_p; });
}

void change(std::span<float> logits, const Draw& how) {
  for (const Penalty& p : how.penalties) {
    float& x = logits[static_cast<size_t>(p.id)];
    x = penalised(x, how.repetition, how.presence, how.frequency, p.count);
  }
  for (size_t i = 0; i < logits.size() && !how.allowed.empty(); ++i)
    if (!(how.allowed[i / 32] >> (i % 32) & 1u)) logits[i] = -kInfinity;
}
}  // namespace

int32_t draw_row(const Backend& backend, std::span<const float> row, const Draw& how) {
  if (!std::all_of(row.begin(), row.end(), [](float x) { return x < kInfinity; })) return kBrokenLogits;
  std::vector<float> logits(row.begin(), row.end());
  change(logits, how);
  const auto best = std::max_element(logits.begin(), logits.end());
  if (*best == -kInfinity) return kNothingLikely;
  if (how.temperature == 0) return static_cast<int32_t>(best - logits.begin());
  std::vector<float> weights(logits.size());
  backend.exp_weights(logits, *best, std::max(how.temperature, Backend::kLeastTemperature), weights);
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  narrow(order, weights, how);
  std::sort(order.begin(), order.end());
  uint64_t total = 0, sum = 0;
  for (const int32_t id : order) total += whole_weight(weights[static_cast<size_t>(id)]);
  const uint64_t unit = unit_at(how.uniform, total);
  const auto drawn = std::find_if(order.begin(), order.end(), [&](int32_t id) {
    return (sum += whole_weight(weights[static_cast<size_t>(id)])) > unit;
  });
  return *drawn;
}

void Backend::draw(const Tensor& logits, std::span<const Draw> draws, const Tensor& out) {
  expect_draw(logits, draws, out);
  const int64_t n = logits.dim(0), v = logits.dim(1);
  Tensor rows = logits, found = out;
  if (!on_host()) {
    rows = Tensor::zeros(DType::float32, {n, v}), found = Tensor::zeros(DType::int32, {n, 1});
    download(logits, rows);
  }
  for (int64_t i = 0; i < n; ++i)
    found.data<int32_t>()[i * found.row_stride()] =
        draw_row(*this, {rows.data<float>() + i * rows.row_stride(), static_cast<size_t>(v)},
                 draws[static_cast<size_t>(i)]);
  if (!on_host()) upload(found, out);
}

}  // namespace whorl::ops
