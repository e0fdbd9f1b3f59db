// Rows with a target are gathered, a chunk of them is multiplied by the head, and their logits turn into
// losses and then, in place, into gradients. Only one chunk of logits exists at a time.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/backend.h"
#include "cpu/linear_parts.h"

namespace whorl::cpu {

namespace {
std::vector<int64_t> rows_with_target(std::span<const int32_t> targets, int64_t vocabulary) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < targets.size(); ++i) {
    base::check_argument(targets[i] < vocabulary, "[cross_entropy] expected targets below ", vocabulary,
                         ", got ", targets[i], " at row ", i);
    if (targets[i] >= 0) rows.push_back(static_cast<int64_t>(i));
  }
  return rows;
}
// Rows of a matrix to or from a dense block.
void copy_rows(std::span<const int64_t> rows, float* matrix, int64_t stride, float* block,
               int64_t block_stride, int64_t columns, bool gather) {
  const auto bytes = static_cast<size_t>(columns) * sizeof(float);
  for (size_t i = 0; i < rows.size(); ++i) {
    float *outside = matrix + rows[i] * stride, *inside = block + static_cast<int64_t>(i) * block_stride;
    if (gather)
      std::memcpy(inside, outside, bytes);
    else
      std::memcpy(outside, inside, bytes);
  }
}
}  // namespace

// logits [rows, V] become losses and, unless `weights` is empty, their own gradients.
void CpuBackend::losses_in_place(std::span<const int64_t> rows, float* logits, int64_t vocabulary,
                                 std::span<const int32_t> targets, std::span<const float> weights,
                                 const Tensor& losses) {
  parallel(static_cast<int64_t>(rows.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* logit = logits + i * vocabulary;
      const auto row = static_cast<size_t>(rows[static_cast<size_t>(i)]);
      const float max = kernels_.row_max(vocabulary, logit);
      const double lse = std::log(kernels_.row_sum_exp(vocabulary, logit, max)) + static_cast<double>(max);
      const auto loss = static_cast<float>(lse - static_cast<double>(logit[targets[row]]));
      losses.data<float>()[row] = loss;
      if (weights.empty()) continue;
      const float weight = std::isfinite(loss) ? weights[row] : std::numeric_limits<float>::quiet_NaN();
      kernels_.row_softmax(vocabulary, logit, static_cast<float>(lse), weight);
      logit[targets[row]] -= weight;
    }
  });
}

void CpuBackend::cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                               std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                               const Tensor& dhead) {
  const CpuWeight& weight = as_cpu(head);
  const int64_t n = static_cast<int64_t>(targets.size()), c = weight.inputs(), vocabulary = weight.outputs();
  expect("cross_entropy", "h", h, {n, c});
  expect("cross_entropy", "losses", losses, {n});
  expect_optional("cross_entropy", "dh", dh, {n, c});
  expect_optional("cross_entropy", "dhead", dhead, {vocabulary, c});
  const bool gradient = !dh.empty() || !dhead.empty();
  if (gradient) expect_count("cross_entropy", "weights, one per row", weights.size(), n);
  const auto trained = rows_with_target(targets, vocabulary);
  std::fill_n(losses.data<float>(), n, 0.0f);
  fill_zero(dh);

  const auto most = std::min<int64_t>(loss_chunk_rows(vocabulary), static_cast<int64_t>(trained.size()));
  const Lease gathered(scratch_, static_cast<size_t>(most * c + 1));
  const Lease logits(scratch_, static_cast<size_t>(most * vocabulary + 1));
  for (size_t first = 0; first < trained.size(); first += static_cast<size_t>(most)) {
    const auto rows =
        std::span(trained).subspan(first, std::min(static_cast<size_t>(most), trained.size() - first));
    const auto count = static_cast<int64_t>(rows.size());
    copy_rows(rows, h.data<float>(), h.row_stride(), gathered.get(), c, c, true);
    multiply({gathered.get(), c, count, logits.get(), vocabulary, nullptr}, weight);
    losses_in_place(rows, logits.get(), vocabulary, targets, gradient ? weights : std::span<const float>(),
                    losses);
    if (!dhead.empty())
      reduce_rows({logits.get(), vocabulary, vocabulary, gathered.get(), c, c, count, 1.0f,
                   dhead.data<float>(), dhead.row_stride(), nullptr});
    if (dh.empty()) continue;
    multiply_back(logits.get(), vocabulary, count, weight, gathered.get(), c);
    copy_rows(rows, dh.data<float>(), dh.row_stride(), gathered.get(), c, c, false);
  }
}

void CpuBackend::exp_weights(std::span<const float> logits, float largest, float temperature,
                             std::span<float> weights) const {
  kernels_.row_weights(std::ssize(logits), logits.data(), largest, 1.0f / temperature, weights.data());
}
double CpuBackend::sum_exp(std::span<const float> logits, float largest) const {
  return kernels_.row_sum_exp(std::ssize(logits), logits.data(), largest);
}

}  // namespace whorl::cpu
