// y = x w^T + bias, and for each segment its adapter's part on top.
#include "cuda/backend.h"
#include "cuda/linear_parts.h"
#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

void CudaBackend::linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
                         std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) {
  const CudaWeight& weight = as_cuda(w);
  ops::expect_matrix("linear", "x", x);
  const int64_t n = x.dim(0), k = weight.k, o = weight.o;
  ops::expect("linear", "x", x, {n, k});
  ops::expect("linear", "y", y, {n, o});
  ops::expect_optional("linear", "bias", bias, {o});
  check_segments("linear", segments, n, k, o);
  const int64_t rank = ops::largest_rank(segments);
  ops::expect_low("linear", s, n, rank, true);
  if (n == 0) return;
  multiply(x, weight, bias, y);
  const auto list = lora_pieces(segments, false);
  if (list.empty()) return;
  const Uploaded<LoraPiece> on_device(*runtime_, list);
  const Scratch own(*runtime_, s.empty() ? static_cast<size_t>(n * rank) * 4 : 1);
  const Dense<float> low = s.empty() ? Dense<float>{Global<float>(own.get<float>()), rank} : rows_of(s);
  const auto count = static_cast<int64_t>(list.size());
  LoraShrink shrink;
  shrink.x = rows_of<const float>(x), shrink.s = low,
  shrink.pieces = Global<const LoraPiece>(on_device.get());
  shrink.inputs = k, shrink.drops = true;
  launch(*runtime_, {count, pieces(rank, 8), 0}, shrink);
  LoraExpand expand;
  expand.s = {low.data, low.stride}, expand.y = rows_of(y), expand.pieces = shrink.pieces;
  expand.outputs = o, expand.largest_rank = rank;
  launch(*runtime_, {count, pieces(o, expand.kThreads), expand.shared_bytes(rank)}, expand);
}

}  // namespace whorl::cuda
