// Rows with a target are gathered, a chunk of them is multiplied by the head, and their logits turn into
// losses and then, in place, into gradients. Only one chunk of logits exists at a time, and the host waits
// for none.
#include "cuda/kernels/cross_entropy.h"

#include <algorithm>

#include "cuda/backend.h"
#include "cuda/lora_parts.h"
#include "cuda/rounded_rows.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
// The head is read once per chunk and direction, so a chunk should be long; its logits should stay small.
constexpr int64_t kLogits = 128 << 20;  // floats, 512 MB
// The rows that are trained, with their targets and weights.
struct Trained {
  std::vector<int32_t> rows, targets;
  std::vector<float> weights;
};

Trained trained_rows(std::span<const int32_t> targets, std::span<const float> weights, int64_t vocabulary) {
  Trained out;
  for (size_t i = 0; i < targets.size(); ++i) {
    base::check_argument(targets[i] < vocabulary, "[cross_entropy] expected targets below ", vocabulary,
                         ", got ", targets[i], " at row ", i);
    if (targets[i] < 0) continue;
    out.rows.push_back(static_cast<int32_t>(i)), out.targets.push_back(targets[i]);
    out.weights.push_back(weights.empty() ? 0.0f : weights[i]);
  }
  return out;
}

void move_rows(Runtime& runtime, const Tensor& matrix, const Tensor& block, const int32_t* rows,
               bool scatter) {
  GatherRows kernel;
  kernel.matrix = either_out(matrix), kernel.block = either_out(block),
  kernel.rows = Global<const int32_t>(rows);
  kernel.columns = block.dim(1), kernel.scatter = scatter;
  launch(runtime, per_element(block.dim(0), block.dim(1)), kernel);
}
}  // namespace

int64_t loss_chunk_rows(int64_t vocabulary) { return std::clamp<int64_t>(kLogits / vocabulary, 64, 4096); }

void CudaBackend::cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                                std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                                const Tensor& dhead) {
  const CudaWeight& weight = as_cuda(head);
  const int64_t n = static_cast<int64_t>(targets.size()), c = weight.k, vocabulary = weight.o;
  ops::expect_rows("cross_entropy", "h", h, {n, c});
  expect_rounding("cross_entropy", h, head, {}), expect_rounding("cross_entropy", dh, head, {});
  ops::expect("cross_entropy", "losses", losses, {n});
  if (!dh.empty()) ops::expect_rows("cross_entropy", "dh", dh, {n, c});
  ops::expect_optional("cross_entropy", "dhead", dhead, {vocabulary, c});
  const bool gradient = !dh.empty() || !dhead.empty();
  if (gradient) ops::expect_count("cross_entropy", "weights, one per row", weights.size(), n);
  const Trained trained = trained_rows(targets, weights, vocabulary);
  fill_zero(losses), fill_zero(dh);
  const auto all = static_cast<int64_t>(trained.rows.size()),
             most = std::min(loss_chunk_rows(vocabulary), all);
  if (all == 0) return;
  const Uploaded<int32_t> rows(*runtime_, trained.rows), wanted(*runtime_, trained.targets);
  const Uploaded<float> shares(*runtime_, trained.weights);
  const Tensor gathered = unset(h.dtype(), {most, c}),
               back = dh.empty() || dh.dtype() == h.dtype() ? gathered : unset(dh.dtype(), {most, c}),
               logits = unset(DType::float32, {most, vocabulary}), none;
  for (int64_t first = 0; first < all; first += most) {
    const int64_t count = std::min(most, all - first);
    const Tensor x = gathered.rows(0, count), scores = logits.rows(0, count);
    move_rows(*runtime_, h, x, rows.get() + first, false);
    RoundedRows rounded(*runtime_, x);
    const ops::LinearJob product{head, none, {}, none, scores};
    multiply(rounded, {&product, 1});
    LossRow kernel;
    kernel.logits = rows_of(scores), kernel.rows = Global<const int32_t>(rows.get() + first);
    kernel.targets = Global<const int32_t>(wanted.get() + first);
    kernel.weights = Global<const float>(gradient ? shares.get() + first : nullptr);
    kernel.losses = Global<float>(losses.data<float>()), kernel.vocabulary = vocabulary;
    launch(*runtime_, Extent{count, 1, LossRow::kShared}, kernel);
    if (!dhead.empty()) reduce_rows(scores, x, 1.0f, dhead);
    if (dh.empty()) continue;
    RoundedRows gradients(*runtime_, scores);
    const Tensor dx = back.rows(0, count);
    multiply_back(gradients, weight, dx, false);
    move_rows(*runtime_, dh, dx, rows.get() + first, true);
  }
}

}  // namespace whorl::cuda
