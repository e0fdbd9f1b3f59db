// Likelihoods of given tokens: a few numbers of each row of logits, so that the row stays on the device.
#include "cuda/kernels/score.h"

#include "cuda/backend.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

void CudaBackend::score(const Tensor& logits, std::span<const int32_t> targets, const Tensor& out) {
  ops::expect_score(logits, targets, out);
  if (targets.empty()) return;
  const Sent places = Sent::of(lists_, targets);
  Score kernel;
  kernel.logits = rows_of<const float>(logits), kernel.out = rows_of<int32_t>(out);
  kernel.targets = Global<const int32_t>(places.at<int32_t>()), kernel.vocabulary = logits.dim(1);
  launch(*runtime_, {logits.dim(0), 1, Score::kShared}, kernel);
}

}  // namespace whorl::cuda
