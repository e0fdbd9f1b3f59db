// The likeliest tokens of each row: parts of a row side by side, then the best of what they found.
#include "cuda/kernels/largest.h"

#include "cuda/backend.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

void CudaBackend::largest(const Tensor& logits, const Tensor& out) {
  const int64_t count = ops::expect_largest(logits, out), rows = logits.dim(0);
  const int64_t parts = pieces(logits.dim(1), OfLogits::kNumbers);
  const Scratch found(*runtime_, static_cast<size_t>(rows * parts * 2 * count) * 4);
  Largest<OfLogits> first;
  first.source = {rows_of<const float>(logits), logits.dim(1)};
  first.out = Global<int32_t>(found.get<int32_t>()), first.out_step = parts * 2 * count, first.count = count;
  launch(*runtime_, {rows, parts, Largest<OfLogits>::kShared}, first);
  Largest<OfParts> second;
  second.source = {Global<const int32_t>(found.get<int32_t>()), parts, count};
  second.out = Global<int32_t>(out.data<int32_t>()), second.out_step = out.row_stride(), second.count = count;
  launch(*runtime_, {rows, 1, Largest<OfParts>::kShared}, second);
}

}  // namespace whorl::cuda
