// Rows with a target are gathered, a chunk of them is multiplied by the head, and their logits turn into
// losses and then, in place, into gradients. Only one chunk of logits exists at a time.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/backend.h"
#include "cpu/linear_parts.h"

namespace whorl::cpu {

namespace {
// The head is read once per chunk and direction, so a chunk should be long; its logits should stay small.
constexpr int64_t kLogits = 16 << 20;  // floats, 64 MB
int64_t chunk_rows(int64_t vocabulary) { return std::clamp<int64_t>(kLogits / vocabulary, 48, 384); }

std::vector<int64_t> rows_with_target(std::span<const int32_t> targets, int64_t vocabulary) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < targets.size(); ++i) {
    base::check_argument(targets[i] < vocabulary, "[cross_entropy] expected targets below ", vocabulary, ", got ",
                         targets[i], " at row ", i);
    if (targets[i] >= 0) rows.push_back(static_cast<int64_t>(i));
  }
  return rows;
}
}  // namespace

void CpuBackend::multiply(const float* a, int64_t a_stride, int64_t rows, const Panels& w, float* c, int64_t c_stride) {
  const Cut cut(rows, w, pool_->size());
  pool_->run(cut.tasks(), [&](int64_t task) {
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
    const int64_t begin = cut.row(task);
    Gemm g = product(a + begin * a_stride, a_stride, cut.row_end(task) - begin, w, c + begin * c_stride, c_stride);
    g.panel_begin = cut.panel(task), g.panel_end = cut.panel_end(task), g.scratch = scratch.get();
    kernels_.gemm(g);
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
  base::check_argument(dh.empty() || !weight.backward.empty(),
                       "[cross_entropy] expected a head packed for backward; call prepare_backward");
  const auto rows = rows_with_target(targets, vocabulary);
  std::fill_n(losses.data<float>(), n, 0.0f);
  if (!dh.empty()) fill_zero(dh);

  const int64_t most = std::min<int64_t>(chunk_rows(vocabulary), static_cast<int64_t>(rows.size()));
  const Lease gathered(scratch_, static_cast<size_t>(most * c + 1)), logits(scratch_, static_cast<size_t>(most * vocabulary + 1));
  for (int64_t first = 0; first < static_cast<int64_t>(rows.size()); first += most) {
    const int64_t count = std::min<int64_t>(most, static_cast<int64_t>(rows.size()) - first);
    const int64_t* chunk = rows.data() + first;
    const size_t row_bytes = static_cast<size_t>(c) * sizeof(float);
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(gathered.get() + i * c, h.data<float>() + chunk[i] * h.row_stride(), row_bytes);
    multiply(gathered.get(), c, count, weight.forward, logits.get(), vocabulary);
    parallel(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        float* row = logits.get() + i * vocabulary;
        const int32_t target = targets[static_cast<size_t>(chunk[i])];
        const float max = kernels_.row_max(vocabulary, row);
        const double lse = std::log(kernels_.row_sum_exp(vocabulary, row, max)) + static_cast<double>(max);
        losses.data<float>()[chunk[i]] = static_cast<float>(lse - static_cast<double>(row[target]));
        if (!gradient) continue;
        const float factor = weights[static_cast<size_t>(chunk[i])];
        kernels_.row_softmax(vocabulary, row, static_cast<float>(lse), factor);
        row[target] -= factor;
      }
    });
    if (!dhead.empty())
      reduce_rows({logits.get(), vocabulary, vocabulary, gathered.get(), c, c, count, 1.0f, dhead.data<float>(),
                   dhead.row_stride(), nullptr});
    if (dh.empty()) continue;
    multiply(logits.get(), vocabulary, count, weight.backward, gathered.get(), c);
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(dh.data<float>() + chunk[i] * dh.row_stride(), gathered.get() + i * c, row_bytes);
  }
}

}  // namespace whorl::cpu
